/**
 * What the pages load, by path: their scripts and styles as texts, so that they are part of every
 * build and nothing is fetched from elsewhere.
 *
 * @module
 */

import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplot from "uplot/dist/uPlot.esm.js" with { type: "text" };
import dashStyle from "./pages/dash.css" with { type: "text" };
import dash from "./pages/dash.js" with { type: "text" };
import docs from "./pages/docs.js" with { type: "text" };
import icon from "./pages/icon.svg" with { type: "text" };
import ask from "./pages/lib/ask.js" with { type: "text" };
import chart from "./pages/lib/chart.js" with { type: "text" };
import dialogs from "./pages/lib/dialogs.js" with { type: "text" };
import dom from "./pages/lib/dom.js" with { type: "text" };
import form from "./pages/lib/form.js" with { type: "text" };
import format from "./pages/lib/format.js" with { type: "text" };
import keys from "./pages/lib/keys.js" with { type: "text" };
import live from "./pages/lib/live.js" with { type: "text" };
import parts from "./pages/lib/parts.js" with { type: "text" };
import schema from "./pages/lib/schema.js" with { type: "text" };
import table from "./pages/lib/table.js" with { type: "text" };
import theme from "./pages/lib/theme.js" with { type: "text" };
import style from "./pages/style.css" with { type: "text" };
import actorsStyle from "./pages/views/actors.css" with { type: "text" };
import actorsView from "./pages/views/actors.js" with { type: "text" };
import actorsDetailView from "./pages/views/actors_detail.js" with { type: "text" };
import actorsRestartsView from "./pages/views/actors_restarts.js" with { type: "text" };
import actorsSendView from "./pages/views/actors_send.js" with { type: "text" };
import actorsTableView from "./pages/views/actors_table.js" with { type: "text" };
import actorsTreeView from "./pages/views/actors_tree.js" with { type: "text" };
import actorsWordsView from "./pages/views/actors_words.js" with { type: "text" };
import alertsStyle from "./pages/views/alerts.css" with { type: "text" };
import alertsView from "./pages/views/alerts.js" with { type: "text" };
import alertsSinksView from "./pages/views/alerts_sinks.js" with { type: "text" };
import backfillStyle from "./pages/views/backfill.css" with { type: "text" };
import backfillView from "./pages/views/backfill.js" with { type: "text" };
import backfillJobView from "./pages/views/backfill_job.js" with { type: "text" };
import backfillWordsView from "./pages/views/backfill_words.js" with { type: "text" };
import cacheStyle from "./pages/views/cache.css" with { type: "text" };
import cacheView from "./pages/views/cache.js" with { type: "text" };
import cacheActView from "./pages/views/cache_act.js" with { type: "text" };
import cacheCurveView from "./pages/views/cache_curve.js" with { type: "text" };
import cacheKeyView from "./pages/views/cache_key.js" with { type: "text" };
import candlesView from "./pages/views/candles.js" with { type: "text" };
import factsStyle from "./pages/views/facts.css" with { type: "text" };
import factsView from "./pages/views/facts.js" with { type: "text" };
import labelWordsView from "./pages/views/label_words.js" with { type: "text" };
import labelsStyle from "./pages/views/labels.css" with { type: "text" };
import labelsView from "./pages/views/labels.js" with { type: "text" };
import labelsDrawnView from "./pages/views/labels_drawn.js" with { type: "text" };
import labelsPickerView from "./pages/views/labels_picker.js" with { type: "text" };
import labelsSeriesView from "./pages/views/labels_series.js" with { type: "text" };
import lettersStyle from "./pages/views/letters.css" with { type: "text" };
import lettersView from "./pages/views/letters.js" with { type: "text" };
import lettersActView from "./pages/views/letters_act.js" with { type: "text" };
import lettersDetailView from "./pages/views/letters_detail.js" with { type: "text" };
import lettersWordsView from "./pages/views/letters_words.js" with { type: "text" };
import logStyle from "./pages/views/log.css" with { type: "text" };
import logView from "./pages/views/log.js" with { type: "text" };
import nodesStyle from "./pages/views/nodes.css" with { type: "text" };
import nodesView from "./pages/views/nodes.js" with { type: "text" };
import nodesActorsView from "./pages/views/nodes_actors.js" with { type: "text" };
import nodesMapView from "./pages/views/nodes_map.js" with { type: "text" };
import nodesWordsView from "./pages/views/nodes_words.js" with { type: "text" };
import overviewStyle from "./pages/views/overview.css" with { type: "text" };
import overviewView from "./pages/views/overview.js" with { type: "text" };
import overviewChartsView from "./pages/views/overview_charts.js" with { type: "text" };
import overviewTuningView from "./pages/views/overview_tuning.js" with { type: "text" };
import providersView from "./pages/views/providers.js" with { type: "text" };
import refreshStyle from "./pages/views/refresh.css" with { type: "text" };
import refreshView from "./pages/views/refresh.js" with { type: "text" };
import refreshActView from "./pages/views/refresh_act.js" with { type: "text" };
import refreshEdgesView from "./pages/views/refresh_edges.js" with { type: "text" };
import refreshRunView from "./pages/views/refresh_run.js" with { type: "text" };
import warmingView from "./pages/views/warming.js" with { type: "text" };

/** A file that pages load. */
export interface PageAsset {
  readonly text: string;
  /** Its content type. */
  readonly type: string;
}

const SCRIPTS: Readonly<Record<string, string>> = {
  "dash.js": dash,
  "docs.js": docs,
  "uplot.js": uplot,
  "lib/ask.js": ask,
  "lib/chart.js": chart,
  "lib/dialogs.js": dialogs,
  "lib/dom.js": dom,
  "lib/form.js": form,
  "lib/format.js": format,
  "lib/keys.js": keys,
  "lib/live.js": live,
  "lib/parts.js": parts,
  "lib/schema.js": schema,
  "lib/table.js": table,
  "lib/theme.js": theme,
  "views/actors.js": actorsView,
  "views/actors_detail.js": actorsDetailView,
  "views/actors_restarts.js": actorsRestartsView,
  "views/actors_send.js": actorsSendView,
  "views/actors_table.js": actorsTableView,
  "views/actors_tree.js": actorsTreeView,
  "views/actors_words.js": actorsWordsView,
  "views/alerts.js": alertsView,
  "views/alerts_sinks.js": alertsSinksView,
  "views/backfill.js": backfillView,
  "views/backfill_job.js": backfillJobView,
  "views/backfill_words.js": backfillWordsView,
  "views/cache.js": cacheView,
  "views/cache_act.js": cacheActView,
  "views/cache_curve.js": cacheCurveView,
  "views/cache_key.js": cacheKeyView,
  "views/candles.js": candlesView,
  "views/facts.js": factsView,
  "views/label_words.js": labelWordsView,
  "views/labels.js": labelsView,
  "views/labels_drawn.js": labelsDrawnView,
  "views/labels_picker.js": labelsPickerView,
  "views/labels_series.js": labelsSeriesView,
  "views/letters.js": lettersView,
  "views/letters_act.js": lettersActView,
  "views/letters_detail.js": lettersDetailView,
  "views/letters_words.js": lettersWordsView,
  "views/log.js": logView,
  "views/nodes.js": nodesView,
  "views/nodes_actors.js": nodesActorsView,
  "views/nodes_map.js": nodesMapView,
  "views/nodes_words.js": nodesWordsView,
  "views/overview.js": overviewView,
  "views/overview_charts.js": overviewChartsView,
  "views/overview_tuning.js": overviewTuningView,
  "views/providers.js": providersView,
  "views/refresh.js": refreshView,
  "views/refresh_act.js": refreshActView,
  "views/refresh_edges.js": refreshEdgesView,
  "views/refresh_run.js": refreshRunView,
  "views/warming.js": warmingView,
};

/** The rules of every view in one file: each names its view. */
const VIEW_STYLES: readonly string[] = [
  actorsStyle,
  alertsStyle,
  backfillStyle,
  cacheStyle,
  factsStyle,
  labelsStyle,
  lettersStyle,
  logStyle,
  nodesStyle,
  overviewStyle,
  refreshStyle,
];

const STYLES: Readonly<Record<string, string>> = {
  "style.css": style,
  "dash.css": dashStyle,
  "uplot.css": uplotStyle,
  "views.css": VIEW_STYLES.join("\n"),
};

/** Every asset by its path. */
export const ASSETS: ReadonlyMap<string, PageAsset> = new Map([
  ...assetsOf(SCRIPTS, "text/javascript; charset=utf-8"),
  ...assetsOf(STYLES, "text/css; charset=utf-8"),
  ...assetsOf({ "icon.svg": icon }, "image/svg+xml"),
]);

function assetsOf(files: Readonly<Record<string, string>>, type: string): [string, PageAsset][] {
  return Object.entries(files).map(([path, text]) => [`/assets/${path}`, { text, type }]);
}
