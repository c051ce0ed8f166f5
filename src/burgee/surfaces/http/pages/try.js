// Sends the GET of a form on the documentation page with the browser's own session, and shows the answer as text.
for (const form of document.querySelectorAll("form[data-path]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const query = new URLSearchParams();
    let path = form.dataset.path;
    for (const input of form.querySelectorAll("input")) {
      if (input.dataset.place === "path") {
        path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
      } else if (input.value !== "") {
        query.set(input.name, input.value);
      }
    }
    const output = form.querySelector("output");
    const address = query.size ? `${path}?${query}` : path;
    output.textContent = `GET ${address}\n…`;
    try {
      const response = await fetch(address, { headers: { accept: "application/json" }, credentials: "same-origin" });
      const body = await response.text();
      output.textContent = `GET ${address}\n${response.status} ${response.statusText}\n\n${readable(body)}`;
    } catch (error) {
      output.textContent = `GET ${address}\n${error}`;
    }
  });
}

function readable(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
