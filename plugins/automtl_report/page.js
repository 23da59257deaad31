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
// What a mark says stands below its chart: on hover, on tap, and by arrow keys where the chart has the focus.
for (const figure of document.querySelectorAll("figure")) {
  const net = figure.querySelector(".net");
  const marks = net ? [...net.querySelectorAll(".node")] : [...figure.querySelectorAll("[title]")];
  const all = net ? ".node, .edge" : "[title]", told = document.createElement("output");
  if (!marks.length) continue;
  if (figure.querySelector(".plot")) marks.reverse();  // the chosen one is drawn last, and told first
  figure.append(told);
  const text = (mark) => mark.querySelector("title")?.textContent ?? mark.title;
  const tell = (mark) => {
    for (const lit of figure.querySelectorAll(".lit")) lit.classList.remove("lit");
    net?.classList.toggle("focus", Boolean(mark));
    if (!mark) { told.textContent = ""; return; }
    mark.classList.add("lit");
    const own = [...figure.querySelectorAll(".edge")].filter((edge) => [edge.dataset.a, edge.dataset.b].includes(mark.dataset.n));
    for (const edge of own) edge.classList.add("lit");
    told.textContent = [mark, ...own].map(text).join("\n");
  };
  const at = () => marks.findIndex((mark) => mark.classList.contains("lit"));
  for (const kind of ["pointerover", "click"]) figure.addEventListener(kind, (event) => {
    const mark = event.target.closest(all);
    if (mark) tell(mark);
  });
  figure.addEventListener("pointerleave", () => { if (!figure.contains(document.activeElement)) tell(null); });
  const stop = figure.querySelector(".scroll") ?? figure;
  stop.tabIndex = 0;
  stop.addEventListener("focus", () => { if (stop.matches(":focus-visible")) tell(marks[Math.max(at(), 0)]); });
  stop.addEventListener("blur", () => tell(null));
  stop.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    tell(marks[(Math.max(at(), 0) + step + marks.length) % marks.length]);
  });
}
// A command can be copied.
for (const code of document.querySelectorAll(".figures code")) {
  if (!code.textContent.startsWith("automtl ")) continue;
  const line = document.createElement("span"), button = document.createElement("button");
  line.className = "copied"; button.textContent = "copy"; button.type = "button";
  button.setAttribute("aria-label", `copy ${code.textContent}`);
  code.replaceWith(line); line.append(code, button);
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges(); getSelection().addRange(range);
    button.textContent = document.execCommand("copy") ? "copied" : "selected";
  });
}
