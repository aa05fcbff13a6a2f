// What happens when the page is opened: the choice of light or dark, printing, and the start of the item browser.

const THEMES = ["auto", "light", "dark"];

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "auto") + 1) % THEMES.length];
  root.dataset.theme = next;
  byId("theme").textContent = `Theme: ${next}`;
});

// What is folded is printed as well.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details.fold:not([open])")];
  for (const part of unfolded) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of unfolded) part.open = false;
});

async function open() {
  const index = byId("exx-index");
  if (!index) return;
  const browser = new Browser(new Items(await unpack(index)));
  byId("browser").hidden = false;
  await browser.start();
  byId("waiting").hidden = true;
  document.documentElement.dataset.ready = "";
}

open().catch((problem) => {
  byId("waiting").textContent = `The items could not be unpacked in this browser: ${problem.message}`;
});
