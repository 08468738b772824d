"use strict";
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const copied = document.getElementById(button.dataset.copies) ??
      button.parentElement.querySelector("code");
    getSelection().selectAllChildren(copied);
    try {
      await navigator.clipboard.writeText(copied.innerText);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected";
    }
  });
}
function unfold() {
  const place = document.getElementById(location.hash.slice(1));
  place?.querySelector(":scope > details")?.setAttribute("open", "");
}
addEventListener("hashchange", unfold);
unfold();
