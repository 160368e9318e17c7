/*
 * What makes the pages quicker, and nothing that they need: each works without this file.
 */
(() => {
  "use strict";

  const messages = document.getElementById("messages");

  /* A part that may as well stay away (data-optional) never replaces the page by an error. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400 && event.detail.requestConfig.elt.hasAttribute("data-optional")) {
      event.detail.shouldSwap = false;
    }
  });

  /* Where the focus went with what was taken away, it goes to what took its place: a part of the
     page, or an error page's main part. Screen readers go on from there. */
  document.addEventListener("htmx:afterSettle", (event) => {
    if (document.activeElement === document.body && event.detail.elt.hasAttribute("tabindex")) {
      event.detail.elt.focus({ preventScroll: true });
    }
  });

  /* No answer at all: say so, unless nobody waits for it. */
  for (const failure of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      if (!event.detail.elt.hasAttribute("data-optional")) {
        const notice = document.createElement("p");
        notice.className = "notice notice--error";
        notice.textContent = messages.dataset.silence;
        messages.replaceChildren(notice);
      }
    });
  }

  /* The browser's "back" may bring a page from before the cart changed. */
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      window.htmx?.trigger(document.body, "cart-changed");
    }
  });

  /* A message that floats goes when it is told to, and the account's menu closes like any menu. */
  document.addEventListener("click", (event) => {
    event.target.closest("[data-close]")?.closest(".notice").remove();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) {
        menu.open = false;
      }
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  /* Suggestions: a combobox with a list, after the ARIA Authoring Practices. */
  const field = document.querySelector(".finder__field");
  const box = document.getElementById("suggestions");
  if (!field || !box) {
    return;
  }

  const options = () => [...box.querySelectorAll("[role=option]")];
  const selected = () => box.querySelector("[aria-selected=true]");

  function select(option) {
    selected()?.setAttribute("aria-selected", "false");
    if (option) {
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", option.id);
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  function close() {
    box.replaceChildren();
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-controls");
    field.removeAttribute("aria-activedescendant");
  }

  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-haspopup", "listbox");
  field.setAttribute("aria-expanded", "false");

  box.addEventListener("htmx:afterSwap", () => {
    const list = box.querySelector("[role=listbox]");
    if (!list || document.activeElement !== field) {
      close();
      return;
    }
    field.setAttribute("aria-controls", list.id);
    field.setAttribute("aria-expanded", "true");
    field.removeAttribute("aria-activedescendant");
  });

  field.addEventListener("keydown", (event) => {
    const all = options();
    if (event.key === "Escape" && all.length > 0) {
      event.preventDefault();
      close();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && all.length > 0) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const at = all.indexOf(selected());
      const next = at === -1 && step === -1 ? all.length - 1 : at + step;
      select(all[next]); // past either end: back to the field alone
    } else if (event.key === "Enter" && selected()) {
      event.preventDefault();
      window.location.assign(selected().dataset.address);
    }
  });

  box.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  box.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) {
      window.location.assign(option.dataset.address);
    }
  });
  field.addEventListener("blur", close);
})();
