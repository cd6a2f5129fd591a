"""A client for single responses. It runs in the container bench/load, and prints one line of JSON.

client.py get URL SECONDS [ACCEPT]      the time to the first and to the last byte, bytes, features
client.py save URL SECONDS [ACCEPT]     the same, with the body in hexadecimal
client.py wait URL SECONDS              the time of day of the first 200
client.py many COUNT CONNECTIONS URL... send COUNT requests, to each URL in turn
"""

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

HOST = "bench"  # the same for all contestants, so that links in responses are the same


def connect(url: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return http.client.HTTPConnection(parts.netloc, timeout=timeout), path


def get(url: str, seconds: str, accept: str = "application/json", keep: bool = False) -> dict:
    """Give up after so many seconds. Then "finished" is false."""
    limit, features, size, tail, body = float(seconds), 0, 0, b"", []
    connection, path = connect(url, limit)
    start = time.monotonic()
    result = {"finished": False, "status": 0, "ttfb": 0.0}
    try:
        connection.request("GET", path, headers={"Host": HOST, "Accept": accept})
        answer = connection.getresponse()
        result |= {"status": answer.status, "type": answer.headers.get("Content-Type", "")}
        while chunk := answer.read1(1 << 18):
            if not size:
                result["ttfb"] = time.monotonic() - start
            size += len(chunk)
            # The closing quote excludes FeatureCollection. Two chunks can share one word.
            features += (tail + chunk).count(b'"Feature"')
            tail = chunk[-8:]
            if keep:
                body.append(chunk)
            if time.monotonic() - start > limit:
                return result
        result["finished"] = True
    except TimeoutError:
        return result
    except (http.client.HTTPException, OSError) as error:
        return result | {"error": repr(error)}
    finally:
        connection.close()
        result |= {"seconds": time.monotonic() - start, "bytes": size, "features": features}
        if keep:
            result["body"] = b"".join(body).hex()
    return result


def save(url: str, seconds: str, accept: str = "application/json") -> dict:
    return get(url, seconds, accept, keep=True)


def wait(url: str, seconds: str) -> dict:
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        connection, path = connect(url, 2)
        try:
            connection.request("GET", path, headers={"Host": HOST})
            if connection.getresponse().status == 200:
                return {"at": time.time()}
        except (OSError, http.client.HTTPException):
            pass  # not listening yet
        finally:
            connection.close()
        time.sleep(0.01)
    return {"at": None}


def many(count: str, connections: str, *urls: str) -> dict:
    failures, threads = [], []

    def ask(number: int) -> None:
        connection, _ = connect(urls[0], 60)
        for n in range(number, int(count), int(connections)):
            parts = urlsplit(urls[n % len(urls)])
            connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": HOST})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failures.append(answer.status)

    start = time.monotonic()
    for number in range(int(connections)):
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return {"seconds": time.monotonic() - start, "errors": len(failures)}


if __name__ == "__main__":
    command = {"get": get, "save": save, "wait": wait, "many": many}[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
