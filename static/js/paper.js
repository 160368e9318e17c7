/* A button that prints, for browsers that can; every browser prints without it too. */
(() => {
  "use strict";

  const button = document.getElementById("print");
  button.hidden = false;
  button.addEventListener("click", () => window.print());
})();
