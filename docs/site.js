// Code and tables that are wider than the window can be scrolled by keys.
function reach() {
  for (const part of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code"))
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
}
for (const event of ["load", "resize"]) addEventListener(event, () => setTimeout(reach, 100));
