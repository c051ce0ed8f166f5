// Evaluates what standard input asks for with an OFREP provider from npm, and prints what came out as JSON.
// Input: {"kind": "server"|"web", "url", "headers": [[name, value]], "scenarios": [{key, type, default, context}],
//         "patch": {"url", "headers", "key", "variant", "default"} | undefined}
import { readFileSync } from "node:fs";

const input = JSON.parse(readFileSync(0, "utf8"));
const web = input.kind === "web";
const { OpenFeature, ProviderEvents } = await import(web ? "@openfeature/web-sdk" : "@openfeature/server-sdk");
const module = await import(web ? "@openfeature/ofrep-web-provider" : "@openfeature/ofrep-provider");
const Provider = web ? module.OFREPWebProvider : module.OFREPProvider;
const options = { baseUrl: input.url, headers: input.headers };
const provider = new Provider(web ? { ...options, pollInterval: 100, cacheMode: "disabled" } : options);
const methods = { Boolean: "Boolean", String: "String", Integer: "Number", Float: "Number", Object: "Object" };

await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();

async function evaluate({ key, type, default: fallback, context }) {
  const method = `get${methods[type]}Details`;
  if (!web) return client[method](key, fallback, context);
  await OpenFeature.setContext(context);
  return client[method](key, fallback);
}

const results = [];
for (const scenario of input.scenarios) {
  const { value, reason, variant, errorCode, errorMessage, flagMetadata } = await evaluate(scenario);
  results.push({ value, reason, variant, errorCode, errorMessage, flagMetadata });
}

let patched = null;
if (input.patch) {
  const changed = new Promise((resolve) => client.addHandler(ProviderEvents.ConfigurationChanged, resolve));
  const answer = await fetch(input.patch.url, {
    method: "PATCH",
    headers: { ...input.patch.headers, "content-type": "application/merge-patch+json" },
    body: JSON.stringify({ defaultVariant: input.patch.variant }),
  });
  if (web) await Promise.race([changed, new Promise((resolve) => setTimeout(resolve, 10_000))]);
  const scenario = { key: input.patch.key, type: "String", default: "none", context: {} };
  const details = web ? client.getStringDetails(scenario.key, "none") : await evaluate(scenario);
  patched = { status: answer.status, value: details.value };
}

console.log(JSON.stringify({ results, patched }));
await OpenFeature.close();
process.exit(0);
