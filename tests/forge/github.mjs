// GitHub's API on one port of the loopback: `emulate`, and what GitHub does that `emulate` does not.
// Each addition names what GitHub documents. tests/forge/servers.py starts this, and says the rest.
//
//   node github.mjs <folder of the package emulate> <seed, a JSON file>

import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, seedFile] = process.argv.slice(2);
const seed = JSON.parse(fs.readFileSync(seedFile, "utf8"));
const load = (name) => import(pathToFileURL(path.join(folder, "dist", name)));

// The module of GitHub has a name of no meaning, made when the package was built.
const named = fs.readdirSync(path.join(folder, "dist")).filter((name) => /^dist-\w+\.js$/.test(name));
const text = (name) => fs.readFileSync(path.join(folder, "dist", name), "utf8");
const source = named.find((name) => text(name).includes("githubPlugin"));
const { githubPlugin, getGitHubStore } = await load(source);
const { createEmulator } = await load("api.js");

const documentation_url = "https://docs.github.com/rest";
const refuse = (c, status, message) => c.json({ message, documentation_url }, status);

function reaches(gh, repo, from, without) {
  const found = new Set();
  const next = [from];
  while (next.length > 0) {
    const sha = next.pop();
    if (found.has(sha) || without.has(sha)) continue;
    const commit = gh.commits.findBy("repo_id", repo.id).find((one) => one.sha === sha);
    if (commit === undefined) continue;
    found.add(sha);
    next.push(...commit.parent_shas);
  }
  return found;
}

const register = githubPlugin.register;
githubPlugin.register = (app, store, webhooks, baseUrl, tokens) => {
  const gh = getGitHubStore(store);
  for (const token of seed.installation_tokens) {
    const account = { login: token.account, id: 1, scopes: [] };
    Object.defineProperty(account, "installation", {
      enumerable: true,
      get() {
        const owner = gh.users.findOneBy("login", token.account);
        return {
          installationId: token.app_id,
          appId: token.app_id,
          accountId: owner.id,
          accountType: "User",
          permissions: token.permissions,
          repositoryIds: [],
          repositorySelection: "all",
        };
      },
    });
    tokens.set(token.token, account);
  }

  app.use("*", async (c, next) => {
    const user = c.get("authUser");
    const known = tokens.has(c.get("authToken")) || c.get("authApp") !== undefined;
    // `emulate` takes every unknown token for the first user's.
    if (c.req.header("Authorization") !== undefined && !known) return refuse(c, 401, "Bad credentials");
    // An open pull request follows its branch.
    for (const pull of gh.pullRequests.all().filter((one) => one.state === "open")) {
      const branches = gh.branches.findBy("repo_id", pull.head_repo_id);
      const tip = branches.find((branch) => branch.name === pull.head_ref)?.sha;
      if (tip !== undefined && tip !== pull.head_sha) gh.pullRequests.update(pull.id, { head_sha: tip });
    }
    const { pathname } = new URL(c.req.url);
    if (pathname === "/user" && user?.installation !== undefined) {
      return refuse(c, 403, "Resource not accessible by integration");
    }
    const writes = /\/check-runs(\/\d+)?$/.test(pathname) && c.req.method !== "GET";
    if (writes && user?.installation === undefined) {
      // "Write permission for the REST API to interact with checks is only available to GitHub Apps."
      return refuse(c, 403, "You must authenticate via a GitHub App.");
    }
    const found = c.req.method === "PATCH" && /\/check-runs\/(\d+)$/.exec(pathname);
    const before = found ? gh.checkRuns.get(Number(found[1]))?.output : undefined;
    await next();
    if (c.req.method === "POST" && pathname.endsWith("/check-runs")) {
      const made = gh.checkRuns.all().at(-1);
      if (made !== undefined && made.app_id === null) {
        gh.checkRuns.update(made.id, { app_id: user.installation.appId });
      }
    }
    const after = found ? gh.checkRuns.get(Number(found[1]))?.output : undefined;
    if (before !== undefined && after !== before) {
      // "Each time you update the check run, annotations are appended to the list of annotations."
      const annotations = [...before.annotations, ...after.annotations];
      const output = { ...after, annotations, annotations_count: annotations.length };
      gh.checkRuns.update(Number(found[1]), { output });
    }
  });

  // "Lists the merged pull request that introduced the commit to the repository. If the commit is not present
  // in the default branch, will return merged and open pull requests associated with the commit."
  app.get("/repos/:owner/:repo/commits/:sha/pulls", async (c) => {
    const { owner, repo: name, sha } = c.req.param();
    const repo = gh.repos.findOneBy("full_name", `${owner}/${name}`);
    const listed = await app.request(`/repos/${owner}/${name}/pulls?state=all&per_page=100`, {
      headers: { Authorization: c.req.header("Authorization") ?? "" },
    });
    if (!listed.ok || repo === undefined) return listed;
    if (!gh.commits.findBy("repo_id", repo.id).some((commit) => commit.sha === sha)) {
      return refuse(c, 422, `No commit found for SHA: ${sha}`);
    }
    const main = gh.branches.findBy("repo_id", repo.id).find((branch) => branch.name === repo.default_branch);
    const landed = reaches(gh, repo, main.sha, new Set()).has(sha);
    const belongs = (pull) => {
      if (pull.state === "closed" && pull.merged_at === null) return false;
      if (landed && pull.merged_at === null) return false;
      if (pull.merge_commit_sha === sha) return true;
      return reaches(gh, repo, pull.head.sha, reaches(gh, repo, pull.base.sha, new Set())).has(sha);
    };
    return c.json((await listed.json()).filter(belongs));
  });

  register(app, store, webhooks, baseUrl, tokens);

  // What GitHub's description of its answers demands.
  let owner;
  const integration = ({ id, app_id: appId }) => {
    const made = gh.apps.findOneBy("app_id", appId);
    if (made === undefined) throw new Error(`check run ${id} is of no app`);
    const { slug, name, description, permissions, events, created_at, updated_at } = made;
    const html_url = `${baseUrl}/apps/${slug}`;
    const page = { html_url, external_url: html_url };
    const facts = { slug, name, description, permissions, events, created_at, updated_at };
    return { id: appId, node_id: `A_${appId}`, owner, ...page, ...facts };
  };
  const mended = (value) => {
    if (Array.isArray(value)) return value.map(mended);
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value.check_annotations)) return value.check_annotations;
    const copy = {};
    for (const [name, inner] of Object.entries(value)) {
      const address = name.endsWith("url") && typeof inner === "string";
      copy[name] = address ? inner.replace("[bot]", "%5Bbot%5D") : mended(inner);
    }
    if ("check_suite" in copy && "external_id" in copy) {
      const run = gh.checkRuns.get(copy.id);
      copy.output.annotations_url = `${copy.url}/annotations`;
      copy.output.annotations_count = run.output.annotations.length;
      copy.app = integration(run);
    }
    return copy;
  };
  const plain = app.fetch;
  app.fetch = async (request) => {
    const answer = await plain(request);
    if (!(answer.headers.get("Content-Type") ?? "").includes("json")) return answer;
    owner ??= await (await plain(new Request(`${baseUrl}/users/${seed.github.users[0].login}`))).json();
    const { status, headers } = answer;
    return new Response(JSON.stringify(mended(await answer.json())), { status, headers });
  };
};

// `emulate` listens on every address and tells no port: it listens through this server instead.
const server = http.createServer();
server.listen(0, "127.0.0.1", async () => {
  const { port } = server.address();
  http.Server.prototype.listen = function listen() {
    server.on("request", (request, response) => this.emit("request", request, response));
    return this;
  };
  await createEmulator({ service: "github", port, baseUrl: `http://127.0.0.1:${port}`, seed });
  console.log(`listening on http://127.0.0.1:${port}`);
});
