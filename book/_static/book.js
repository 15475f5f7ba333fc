// On every page: what scrolls sideways can be reached by keyboard, paper is light, and search works
// from a file.
function markScrollable() {
  for (const box of document.querySelectorAll(".math-scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("resize", markScrollable);
document.fonts.ready.then(markScrollable);
markScrollable();

addEventListener("beforeprint", () => {
  document.documentElement.dataset.printedFrom = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = document.documentElement.dataset.printedFrom;
});

// Summaries of search results are fetched from the pages, which browsers forbid for files.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
