document.documentElement.lang ||= "en"; // for who cannot see
// ReDoc shows its maker's logo from its maker's host; a page of this API asks this API
// only. With an empty image in its place ReDoc leaves the logo out. React sets `src` both ways.
const own = (url) => (String(url).startsWith("https://cdn.redoc.ly/") ? "data:," : url);
const image = HTMLImageElement.prototype;
const src = Object.getOwnPropertyDescriptor(image, "src");
Object.defineProperty(image, "src", { ...src, set(url) { src.set.call(this, own(url)); } });
image.setAttribute = function (name, value) {
  Element.prototype.setAttribute.call(this, name, own(value));
};
