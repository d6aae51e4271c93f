// Sorts and filters the tables of agents and of environments; without scripts they are complete.
const numbers = ["memory", "states", "year"];
const value = text => (text === "∞" ? Infinity : parseFloat(text));

for (const table of document.querySelectorAll("table.filtered")) {
  const wrapper = table.closest(".table-wrapper");
  const names = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  const targets = numbers.map(name => names.indexOf(name)).filter(index => index >= 0);
  const columnDefs = [{ targets, type: "num", render: (text, kind) => (kind === "sort" ? value(text) || -1 : text) }];
  const layout = { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null };
  const shown = new DataTable(table, { paging: false, autoWidth: false, order: [], layout, columnDefs });
  const filters = document.createElement("form");
  filters.className = "filters";
  filters.setAttribute("role", "search");
  const count = document.createElement("output");
  const told = () => {
    shown.draw();
    const found = shown.rows({ search: "applied" }).count();
    count.textContent = `${found} of ${shown.rows().count()}`;
  };
  const labelled = (name, control, apply) => {
    const label = document.createElement("label");
    label.append(name, " ", control);
    filters.append(label);
    control.addEventListener("input", () => { apply(control.value); told(); });
  };
  const input = (type, attributes = {}) => Object.assign(document.createElement("input"), { type, ...attributes });

  labelled("search", input("search"), text => shown.search(text));
  names.forEach((name, index) => {
    const column = shown.column(index);
    if (["memory", "states"].includes(name)) {
      labelled(`${name} ≤`, input("number", { min: 0 }), most =>
        column.search(most === "" ? "" : text => text !== "" && value(text) <= Number(most)));
    } else if (index > 0 && !numbers.includes(name)) {
      const given = [...new Set(column.data().toArray())].filter(text => text !== "");
      if (given.length > 40) return;
      const choice = document.createElement("select");
      for (const text of ["", ...given]) choice.add(new Option(text || "any", text));
      labelled(name, choice, text => column.search(text === "" ? "" : found => found === text));
    }
  });
  filters.append(count);
  filters.addEventListener("submit", event => event.preventDefault());
  wrapper.before(filters);
  told();
}
