// How many rows a list has, as the list itself tells this visitor; null where it does not.
window.backendRows = async (list) => {
  const url = new URL(list, location);
  url.searchParams.set("limit", "1");
  try {
    const headers = { Accept: "application/json" };
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(10000) });
    if (!answer.ok) return null;
    const { count, count_estimated: estimated } = await answer.json();
    if (!Number.isInteger(count)) return null;
    return (estimated ? "about " : "") + count.toLocaleString("en-US");
  } catch {
    return null; // no network, too slow, or an answer that is not JSON
  }
};
