"use strict";
// Long tables can be searched and sorted.
for (const box of document.querySelectorAll(".tools")) {
  const body = box.querySelector("tbody"), input = document.createElement("input");
  input.type = "search"; input.className = "search"; input.placeholder = "search rows";
  input.setAttribute("aria-label", "search rows of the table");
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  box.prepend(input);
  const heads = [...box.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.append(...head.childNodes); head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[column], text = cell ? cell.textContent : "";
        const number = cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : parseFloat(text.replace(/[,<\s]/g, ""));
        return [Number.isNaN(number) ? 1 : 0, number, text];
      };
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => {
        const order = a[0] - b[0] || (a[0] ? a[2].localeCompare(b[2]) : a[1] - b[1]);
        return up ? order : -order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}
// A part of a drawing shows its own edges.
for (const net of document.querySelectorAll(".net")) {
  for (const node of net.querySelectorAll(".node")) {
    const name = node.dataset.n;
    node.addEventListener("mouseenter", () => {
      net.classList.add("focus");
      for (const edge of net.querySelectorAll(".edge"))
        edge.classList.toggle("lit", edge.dataset.a === name || edge.dataset.b === name);
    });
    node.addEventListener("mouseleave", () => net.classList.remove("focus"));
  }
}
// Paper shows everything.
window.addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
