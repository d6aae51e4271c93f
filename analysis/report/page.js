document.documentElement.classList.add("scripts");

const ordered = table => {
  if (table.dataset.ordered) return;
  table.dataset.ordered = "yes";
  const rising = new Set(["Rank", "Rank with others", "Ranks, others"]);
  const heads = [...table.tHead.rows[0].cells];
  const filter = table.closest(".ranking")?.querySelector("input[type=search]");
  const first = head => (head.classList.contains("text") || rising.has(head.textContent) ? "asc" : "desc");
  const columnDefs = heads.map((head, target) => ({
    targets: target,
    type: head.classList.contains("text") ? "html" : "num",
    searchable: head.textContent === "Agent", // not who is somebody's worst partner
    orderSequence: [first(head), first(head) === "asc" ? "desc" : "asc"],
  }));
  const layout = { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null };
  const shown = new DataTable(table, { paging: false, autoWidth: false, order: [], layout, columnDefs });
  filter?.addEventListener("input", () => shown.search(filter.value).draw());
};
const opened = box => [...box.querySelectorAll("table.data")].filter(table => !table.closest("details:not([open])"));

opened(document).forEach(ordered);
document.addEventListener("toggle", event => opened(event.target).forEach(ordered), true);

// A button answers to Space as well; the library's only to Enter.
document.addEventListener("keydown", event => {
  if (event.key !== " " || !event.target.matches("th [role=button]")) return;
  event.preventDefault();
  event.target.click();
});

const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
  target?.scrollIntoView();
};
addEventListener("hashchange", reveal);
if (location.hash) reveal();

let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  closed.forEach(box => { box.open = true; });
});
addEventListener("afterprint", () => closed.forEach(box => { box.open = false; }));
