// Elements made without markup: whatever a model wrote becomes text, and every character of it can be seen.

const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu;
const LONGEST = 2000;

const byId = (id) => document.getElementById(id);

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function code(character) {
  return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

// One line of text, for places where there is no room for elements.
function plain(text) {
  return text.replace(/\s+/g, " ").replace(UNSEEN, (found) => `⟨${code(found)}⟩`);
}

// Text with a chip in place of every character that cannot be seen, isolated from what is around it.
function shown(text) {
  const place = make("bdi", "said");
  let end = 0;
  for (const found of text.matchAll(UNSEEN)) {
    place.append(text.slice(end, found.index), make("span", "unseen", code(found[0])));
    end = found.index + found[0].length;
  }
  place.append(text.slice(end));
  return place;
}

// A long text is cut, and whole on demand.
function said(text) {
  if (text.trim() === "") return make("p", "none", text === "" ? "(empty)" : "(nothing but space)");
  if (text.length <= LONGEST) return shown(text);
  const box = make("div", "long", shown(text.slice(0, LONGEST)), "… ");
  const more = make("button", "quiet", `Show all ${text.length.toLocaleString("en")} characters`);
  more.type = "button";
  more.addEventListener("click", () => {
    box.replaceChildren(shown(text));
    box.tabIndex = 0;
    box.focus({ preventScroll: true });
  });
  box.append(more);
  return box;
}

const percent = (score) => (score === null ? "–" : (score / 100).toFixed(score % 100 ? 1 : 0));

function points(difference) {
  if (difference === null) return "–";
  const text = Math.abs(difference / 100).toFixed(difference % 100 ? 1 : 0);
  return difference > 0 ? `+${text}` : difference < 0 ? `−${text}` : text;
}
