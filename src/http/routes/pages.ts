/**
 * Pages for people: the dashboard, and the description of the routes. They are plain files, work
 * offline, and hold no data: their scripts ask for it with the visitor's own token.
 *
 * @module
 */

import type { Hono } from "hono";
import { type AdminEnv, factsOf } from "../facts.ts";
import type { Guard } from "../guard.ts";
import type { Handlers, Surroundings } from "../handler.ts";
import { OpenApi } from "../openapi.ts";
import { ASSETS } from "../page_assets.ts";
import docsPage from "../pages/docs.html" with { type: "text" };
import homePage from "../pages/home.html" with { type: "text" };
import { respond, respondJson } from "../respond.ts";

const HTML = "text/html; charset=utf-8";

/** See the module's text. */
export function pageRoutes(
  { port }: Surroundings,
): Pick<Handlers, "/" | "/docs" | "/openapi.json"> {
  let openApi: OpenApi | null = null;
  return {
    "/": { get: () => respond(homePage, HTML) },
    "/docs": { get: () => respond(docsPage, HTML) },
    "/openapi.json": {
      get: () => {
        openApi ??= new OpenApi(port.about, port.actors.protocols());
        return respondJson(openApi.document(port.actors.tree()));
      },
    },
  };
}

/** The files that the pages load; open like the pages, and no part of the described routes. */
export function registerAssets(app: Hono<AdminEnv>, guard: Guard): void {
  for (const [path, { text, type }] of ASSETS) {
    app.get(path, (c) => {
      const facts = factsOf(c.req.raw, c.env);
      guard.request(facts);
      guard.access("open", facts);
      return respond(text, type);
    });
  }
}
