/* From disk, a browser lets no page read another one: the search takes the pages from texts.js, which the build writes. */
if (location.protocol === "file:") {
  const loaded = new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = "_static/texts.js";
    script.onload = resolve;
    document.head.append(script);
  });
  window.fetch = async (address) => {
    await loaded;
    const page = address.replace(/^\.\//, "").replace(/\.html$/, "");
    return { text: async () => `<div role="main">${window.texts[page] ?? ""}</div>` };
  };
}

addEventListener("DOMContentLoaded", () => {
  document.getElementById("search-results").insertAdjacentHTML("beforebegin", "<h1>Search</h1>");
});
