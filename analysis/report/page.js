addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(each => { each.open = true; }));
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const text = head.classList.contains("text");
    const last = head.getAttribute("aria-sort");
    const rising = last ? last === "descending" : text || head.textContent === "Rank";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const key = row => {
      const value = row.cells[column].textContent;
      return text ? value : parseFloat(value.replace("[", ""));
    };
    const blank = value => value === "" || Number.isNaN(value);
    const order = (a, b) => blank(a) - blank(b) || (rising ? 1 : -1) * (text ? a.localeCompare(b) : blank(a) ? 0 : a - b);
    const rows = [...table.tBodies[0].rows].map(row => [key(row), row]);
    rows.sort((a, b) => order(a[0], b[0]));
    table.tBodies[0].append(...rows.map(pair => pair[1]));
  }));
}
