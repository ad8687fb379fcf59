// Jobs that fetch from providers: how far they are, what failed, and how the providers do.

import { field, make, region, replace } from "../lib/dom.js";
import { count, dateTime, decimal, duration, percent, time } from "../lib/format.js";
import { button, emptyNote, figure, problem, setState, state } from "../lib/parts.js";
import { dataTable } from "../lib/table.js";
import { jobDetail } from "./backfill_job.js";
import { etaText } from "./backfill_words.js";
import { attempt, countOf, progressBar } from "./facts.js";
import { providerPart } from "./providers.js";

export default {
  id: "backfill",
  title: "Backfill",
  key: "b",
  topics: ["jobs", "providers"],
  mount(root, ctx) {
    const note = make("div", {}, emptyNote("Asking for jobs…"));
    const figures = figuresRow();
    const detail = jobDetail(ctx);
    const jobs = jobTable(ctx, ({ name }) => choose({ job: name }));
    const providers = providerPart(ctx, ({ name }) => choose({ provider: name }));
    const search = make("input", {
      type: "search",
      placeholder: "Job, provider or kind",
      "aria-label": "Search jobs",
      on: { input: () => jobs.setSearch(search.value) },
    });
    const searchBar = make("div", { class: "toolbar" }, field("Search", search));
    const body = make(
      "div",
      { hidden: true },
      figures.element,
      region("Jobs", searchBar, jobs.element, detail.element),
      region("Providers", providers.element),
    );
    replace(root, note, body);

    let all = [];
    let limiters = [];
    const choose = (given) => {
      ctx.setParams({ ...Object.fromEntries(ctx.params), ...given });
      showDetail();
    };
    const showDetail = () => {
      const wanted = ctx.params.get("job") ?? firstOf(all)?.name ?? null;
      jobs.select(wanted);
      const job = all.find(({ name }) => name === wanted) ?? null;
      const provider = limiters.find(({ name }) => name === job?.provider) ?? null;
      detail.set(job, provider?.status ?? null);
      providers.show(ctx.params.get("provider") ?? job?.provider ?? null);
    };
    const showJobs = (data) => {
      all = data.jobs;
      searchBar.hidden = all.length < 2;
      figures.jobs(all);
      jobs.update(all);
      showDetail();
      body.hidden = false;
      replace(note);
    };
    const showProviders = (data) => {
      limiters = data.providers;
      figures.providers(limiters);
      providers.set(limiters);
      showDetail();
    };
    const first = async () => {
      try {
        const [given, upstream] = await Promise.all([
          ctx.ask("/api/jobs"),
          ctx.ask("/api/providers"),
        ]);
        if (!root.isConnected || !body.hidden) return;
        showProviders(upstream);
        showJobs(given);
      } catch (error) {
        if (body.hidden) replace(note, problem(error.message));
      }
    };
    first();
    showDetail();
    return {
      frame(topic, data) {
        if (topic === "jobs") showJobs(data);
        else showProviders(data);
      },
      // Until there is something to show, the note says what is wrong.
      problem: () => body.hidden,
      params: showDetail,
      unmount() {
        detail.destroy();
      },
    };
  },
};

/** What is under way comes first, then what ended last. */
function firstOf(jobs) {
  return jobs.find(({ progress }) => progress !== null) ??
    [...jobs].sort((a, b) => (b.endedMs ?? 0) - (a.endedMs ?? 0))[0];
}

function figuresRow() {
  const labels = ["Running", "Items", "Failed items", "Calls", "Failed calls", "Providers"];
  const all = labels.map(figure);
  const [running, items, failed, calls, failedCalls, up] = all;
  return {
    element: make("div", { class: "figures" }, ...all.map((one) => one.element)),
    jobs(jobs) {
      const sum = (of) => jobs.reduce((total, job) => total + of(job), 0);
      const moving = jobs.filter(({ progress }) => progress !== null);
      const rate = moving.reduce((total, { progress }) => total + (progress.perSecond ?? 0), 0);
      running.set(count(moving.length), `of ${countOf(jobs.length, "job")}`);
      items.set(
        count(sum(({ settled }) => settled)),
        `of ${count(sum((job) => job.items))}` +
          (moving.length === 0 ? "" : `, ${decimal(rate, 1)} a second`),
      );
      const lost = sum((job) => job.failed);
      failed.set(count(lost), "given up", lost === 0 ? null : "warn");
    },
    providers(providers) {
      const ends = providers.flatMap(({ status }) => status?.endpoints ?? []);
      const made = ends.reduce((total, one) => total + one.calls, 0);
      const lost = ends.reduce((total, one) => total + one.failed, 0);
      calls.set(count(made), "to providers, for all who ask");
      failedCalls.set(
        count(lost),
        made === 0 ? "of none" : `${percent(lost / made)} of the calls`,
        lost === 0 ? null : "warn",
      );
      const closed = providers.filter(({ status }) => status?.breaker === "closed").length;
      up.set(
        `${count(closed)} of ${count(providers.length)}`,
        "with a closed breaker",
        closed === providers.length ? null : "bad",
      );
    },
  };
}

// --- Jobs

const JOB_TONES = {
  pending: "off",
  running: "busy",
  pausing: "busy",
  paused: "warn",
  cancelling: "busy",
  cancelled: "off",
  done: "good",
  failed: "bad",
};

function jobTable(ctx, onSelect) {
  const share = ({ settled, items, progress }) =>
    progress?.share ?? (items === 0 ? 0 : settled / items);
  const columns = [
    { id: "name", title: "Job", sort: ({ name }) => name, cell: ({ name }) => name },
    {
      id: "state",
      title: "State",
      sort: ({ state: word }) => word,
      cell: ({ state: word }, previous) =>
        previous === null
          ? state(word, JOB_TONES[word])
          : setState(previous, word, JOB_TONES[word]),
    },
    ...ctx.mayAct ? [actColumn(ctx)] : [],
    {
      id: "progress",
      title: "Progress",
      sort: share,
      cell: (job) => progressBar(share(job), `${count(job.settled)} / ${count(job.items)}`),
    },
    {
      id: "rate",
      title: "Items/s",
      number: true,
      sort: ({ progress }) => progress?.perSecond ?? null,
      cell: ({ progress }) => decimal(progress?.perSecond ?? null, 1),
    },
    {
      id: "eta",
      title: "Time left",
      className: "nowrap",
      sort: ({ progress }) => progress?.eta?.ms ?? null,
      cell: ({ progress }) => etaText(progress?.eta ?? null),
    },
    {
      id: "failed",
      title: "Failed",
      number: true,
      sort: ({ failed }) => failed,
      cell: ({ failed }) => count(failed),
    },
    {
      id: "provider",
      title: "Provider",
      sort: ({ provider }) => provider,
      cell: ({ provider }) => provider,
    },
    {
      id: "started",
      title: "Started",
      className: "nowrap",
      sort: ({ startedMs }) => startedMs,
      cell: ({ startedMs }) => startedMs === null ? "never" : time(startedMs, ctx.now()),
    },
    {
      id: "took",
      title: "Took",
      className: "nowrap",
      number: true,
      cell: ({ startedMs, endedMs }) =>
        duration(startedMs === null ? null : (endedMs ?? ctx.now()) - startedMs),
    },
    {
      id: "next",
      title: "Next",
      className: "nowrap",
      sort: ({ nextMs }) => nextMs,
      cell: ({ nextMs }) => dateTime(nextMs),
    },
  ];
  return dataTable({
    caption: "Jobs and how far they are",
    key: ({ name }) => name,
    onSelect,
    search: ({ name, provider, kinds }) => `${name} ${provider} ${kinds.join(" ")}`,
    sortBy: "name",
    columns,
    empty: "No job yet. One is started by wick backfill, by POST /api/jobs, or by its schedule.",
  });
}

/** What may happen to a job in each state. */
const VERBS = {
  pending: ["cancel"],
  running: ["pause", "cancel"],
  pausing: ["resume", "cancel"],
  paused: ["resume", "cancel"],
  failed: ["resume", "cancel"],
};
const VERB_TEXTS = { pause: "Pause", resume: "Resume", cancel: "Cancel" };
const VERB_DONE = { pause: "is pausing", resume: "goes on", cancel: "is cancelled" };

function actColumn(ctx) {
  return {
    id: "act",
    title: "Do",
    cell: ({ name, state: word }, previous) => {
      const box = previous ?? make("span", { class: "row-acts" });
      const verbs = VERBS[word] ?? [];
      if (box.dataset.verbs === verbs.join()) return box;
      const had = box.contains(document.activeElement);
      box.dataset.verbs = verbs.join();
      replace(
        box,
        ...verbs.map((verb) =>
          button(VERB_TEXTS[verb], () => change(ctx, name, verb), {
            "aria-label": `${VERB_TEXTS[verb]} job ${name}`,
            tone: verb === "cancel" ? "bad" : null,
          })
        ),
      );
      if (had) box.firstElementChild?.focus();
      return box;
    },
  };
}

async function change(ctx, name, verb) {
  if (verb === "cancel") {
    const isMeant = await ctx.confirm({
      title: `Cancel job ${name}`,
      text: "It ends for good, and so does its schedule. What it has fetched stays.",
      action: "Cancel the job",
    });
    if (!isMeant) return;
  }
  await attempt(ctx, async () => {
    await ctx.ask(`/api/jobs/${encodeURIComponent(name)}/${verb}`, { method: "POST" });
    ctx.notify(`Job ${name} ${VERB_DONE[verb]}`);
  });
}
