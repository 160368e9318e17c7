// Behind the counter. Every page works without it.
"use strict";

// A file that is too large is told of before it is sent. The form's field says how large it may be, and what to say.
document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.type !== "file" || !field.dataset.mostBytes) return;
  const tooLarge = Array.from(field.files).some((file) => file.size > Number(field.dataset.mostBytes));
  field.setCustomValidity(tooLarge ? field.dataset.tooLarge : "");
  field.reportValidity();
});
