// What scrolls sideways can be reached by keyboard, and captions of the contents have a level.
addEventListener("load", () => {
  for (const box of document.querySelectorAll("pre, .table-wrapper")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
  document.querySelectorAll(".caption[role=heading]").forEach(caption => caption.setAttribute("aria-level", 2));
});
