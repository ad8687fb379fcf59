%% Runs schedules on the supervisor of Erlang/OTP and prints what can be observed.
%%
%% Input: one schedule per line, integers separated by single spaces:
%%   Index  N  {Parent Kind Restart Strategy Intensity PeriodMs} x N  S  {Step} x S
%%   Step = 0 Worker Reason | 1 Worker Times | 2 Ms | 3 Supervisor Count {Worker Reason} x Count
%% with the numbers of scripts/simulate/schedule.ts. Output: one line per schedule,
%%   Index  {Alive  Starts x N  GiveUps x N  Count Event x Count} x (1 + S)
%% with the columns of scripts/simulate/outcome.ts; or "Index late" when steps that wait took so
%% long that the clock of the supervisors had ticked once too often.
%%
%% Nothing sleeps in order to let supervisors finish. After a step the driver asks every supervisor
%% from the root down for its children. The step is over when each answers and each child on its
%% list is a live process or not running: a supervisor that still has an exit to handle lists a
%% dead process, one that still has a failed start to try again lists it as restarting, and one
%% that gives up does not answer.
%%
%% What processes report goes through atomics. Only one supervisor acts at a time, and each of its
%% acts waits for the one before, so the order of events is the order in which they happened.
-module(wick_otp).
-behaviour(supervisor).

-export([main/1, init/1, start_supervisor/2, start_worker/2, worker/3, log/2]).

-record(node, {parent, kind, restart, strategy, intensity, period_ms}).
%% atomics: counters, see the macros; events: the codes; pids: ets table of node to latest pid.
-record(run, {tree, atomics, events, pids}).

-define(WORKER, 0).
-define(SUPERVISOR, 1).

-define(STARTED, 0).
-define(FAILED, 1).
-define(STOPPED, 2).

%% Places of atomics; a node has three.
-define(EVENT_COUNT, 1).
-define(STARTS(Node), (3 * Node + 2)).
-define(GIVE_UPS(Node), (3 * Node + 3)).
-define(FAILURES_LEFT(Node), (3 * Node + 4)).
-define(PLACES(Nodes), (3 * Nodes + 1)).

%% As in outcome.ts.
-define(EVENTS_MAX, 16384).

%% Periods from here on never end, as in generator.ts.
-define(ENDLESS_MS, 3600000).

%% How far into a second of the clock steps that wait run, so that the work between two of them
%% stays within one second of OTP's clock.
-define(PHASE_MS, 200).

%% ------------------------------------------------------------------------------------------------
%% Batches

%% Lanes is how many schedules run at the same time.
main([In, Out, Lanes]) ->
    ok = logger:remove_handler(default),
    ok = logger:add_handler(?MODULE, ?MODULE, #{level => error}),
    {ok, Text} = file:read_file(In),
    Lines = binary:split(Text, <<"\n">>, [global, trim_all]),
    Results = in_lanes(Lines, list_to_integer(Lanes)),
    ok = file:write_file(Out, [[Line, $\n] || {_, Line} <- lists:keysort(1, Results)]),
    halt(0).

in_lanes(Lines, Lanes) ->
    Numbered = lists:zip(lists:seq(0, length(Lines) - 1), Lines),
    Started = [spawn_monitor(fun() -> exit({done, lane(Numbered, Lane, Lanes)}) end)
               || Lane <- lists:seq(0, Lanes - 1)],
    lists:append([receive
                      {'DOWN', Monitor, process, Pid, {done, Results}} -> Results;
                      {'DOWN', Monitor, process, Pid, Reason} -> fail(Reason)
                  end || {Pid, Monitor} <- Started]).

fail(Reason) ->
    io:format(standard_error, "wick_otp: ~p~n", [Reason]),
    halt(1).

lane(Numbered, Lane, Lanes) ->
    process_flag(trap_exit, true),
    Events = atomics:new(?EVENTS_MAX, []),
    Pids = ets:new(pids, [public]),
    [{Number, schedule(Line, Events, Pids)}
     || {Number, Line} <- Numbered, Number rem Lanes =:= Lane].

%% ------------------------------------------------------------------------------------------------
%% One schedule

schedule(Line, Events, Pids) ->
    Words = binary:split(Line, <<" ">>, [global]),
    [Index, Nodes | Rest] = [binary_to_integer(Word) || Word <- Words],
    {Tree, [_ | Steps]} = tree(Nodes, Rest, []),
    ets:delete_all_objects(Pids),
    Atomics = atomics:new(?PLACES(Nodes), []),
    Run = #run{tree = Tree, atomics = Atomics, events = Events, pids = Pids},
    Clock = clock(Tree),
    {ok, Root} = start_supervisor(Run, 0),
    First = row(Run, 0),
    Rows = try steps(Run, Steps, Clock, atomics:get(Atomics, ?EVENT_COUNT), [])
           catch throw:late -> late end,
    stop(Root),
    case Rows of
        late -> iolist_to_binary([integer_to_list(Index), " late"]);
        _ -> iolist_to_binary([integer_to_list(Index), First, Rows])
    end.

tree(0, Rest, Nodes) ->
    {list_to_tuple(lists:reverse(Nodes)), Rest};
tree(N, [Parent, Kind, Restart, Strategy, Intensity, PeriodMs | Rest], Nodes) ->
    Node = #node{parent = Parent, kind = Kind, restart = Restart, strategy = Strategy,
                 intensity = Intensity, period_ms = PeriodMs},
    tree(N - 1, Rest, [Node | Nodes]).

steps(_Run, [], _Clock, _From, Rows) ->
    lists:reverse(Rows);
steps(Run, Steps, Clock, From, Rows) ->
    {Rest, NextClock} = step(Run, Steps, Clock),
    settle(Run),
    check(NextClock),
    Row = row(Run, From),
    steps(Run, Rest, NextClock, atomics:get(Run#run.atomics, ?EVENT_COUNT), [Row | Rows]).

step(Run, [0, Worker, Reason | Rest], Clock) ->
    exit_worker(Run, Worker, Reason),
    {Rest, Clock};
step(Run, [1, Worker, Times | Rest], Clock) ->
    atomics:put(Run#run.atomics, ?FAILURES_LEFT(Worker), Times),
    {Rest, Clock};
step(_Run, [2, Ms | Rest], Clock) ->
    {Rest, advance(Clock, Ms)};
step(Run, [3, Supervisor, Count | Rest], Clock) ->
    {Exits, Rest2} = lists:split(2 * Count, Rest),
    Pid = pid(Run, Supervisor),
    case is_process_alive(Pid) of
        true ->
            ok = sys:suspend(Pid),
            queue_exits(Run, Pid, Exits),
            ok = sys:resume(Pid);
        false ->
            ok
    end,
    {Rest2, Clock}.

%% A monitor's message does not tell that the link's signal has arrived at the supervisor, so the
%% order of exits is made sure by looking into its inbox.
queue_exits(_Run, _Supervisor, []) ->
    ok;
queue_exits(Run, Supervisor, [Worker, Reason | Rest]) ->
    case exit_worker(Run, Worker, Reason) of
        {exited, Pid} -> await_queued(Supervisor, Pid);
        dead -> ok
    end,
    queue_exits(Run, Supervisor, Rest).

await_queued(Supervisor, Pid) ->
    {messages, Messages} = process_info(Supervisor, messages),
    case lists:any(fun({'EXIT', From, _}) -> From =:= Pid; (_) -> false end, Messages) of
        true -> ok;
        false -> erlang:yield(), await_queued(Supervisor, Pid)
    end.

exit_worker(Run, Worker, Reason) ->
    Pid = pid(Run, Worker),
    case is_process_alive(Pid) of
        true ->
            Monitor = monitor(process, Pid),
            Pid ! {exit, element(Reason + 1, {normal, shutdown, crash})},
            receive {'DOWN', Monitor, process, Pid, _} -> {exited, Pid} end;
        false ->
            dead
    end.

%% Returns when no supervisor has anything left to do, see the head of this file.
settle(Run) ->
    Root = pid(Run, 0),
    case is_process_alive(Root) of
        true ->
            case settled(Root) of
                true -> ok;
                false -> erlang:yield(), settle(Run)
            end;
        false ->
            ok
    end.

settled(Supervisor) ->
    try lists:all(fun settled_child/1, supervisor:which_children(Supervisor))
    catch exit:_ -> false
    end.

settled_child({_, restarting, _, _}) -> false;
settled_child({_, undefined, _, _}) -> true;
settled_child({_, Pid, worker, _}) -> is_process_alive(Pid);
settled_child({_, Pid, supervisor, _}) -> is_process_alive(Pid) andalso settled(Pid).

stop(Root) ->
    exit(Root, shutdown),
    receive {'EXIT', Root, Reason} -> shutdown = Reason end.

row(Run, From) ->
    #run{tree = Tree, atomics = Atomics, events = Events} = Run,
    Nodes = lists:seq(0, tuple_size(Tree) - 1),
    Alive = lists:foldl(fun(Node, Bits) ->
                            case is_process_alive(pid(Run, Node)) of
                                true -> Bits bor (1 bsl Node);
                                false -> Bits
                            end
                        end, 0, Nodes),
    To = atomics:get(Atomics, ?EVENT_COUNT),
    words([Alive,
           [atomics:get(Atomics, ?STARTS(Node)) || Node <- Nodes],
           [atomics:get(Atomics, ?GIVE_UPS(Node)) || Node <- Nodes],
           To - From,
           [atomics:get(Events, I) || I <- lists:seq(From + 1, To)]]).

words(Deep) ->
    [[$\s, integer_to_binary(I)] || I <- lists:flatten(Deep)].

pid(Run, Node) ->
    ets:lookup_element(Run#run.pids, Node, 2).

%% ------------------------------------------------------------------------------------------------
%% Time that really passes. A clock is the second of OTP's clock that it should be now; there is
%% none when the periods are so long that no restart leaves its window.

clock(Tree) ->
    case (element(1, Tree))#node.period_ms >= ?ENDLESS_MS of
        true -> none;
        false -> sleep_until(1 + erlang:monotonic_time(1))
    end.

advance(Second, Ms) when is_integer(Second), Ms rem 1000 =:= 0 ->
    sleep_until(Second + Ms div 1000).

sleep_until(Second) ->
    case 1000 * Second + ?PHASE_MS - erlang:monotonic_time(millisecond) of
        Ms when Ms > 0 -> timer:sleep(Ms);
        _ -> ok
    end,
    Second.

check(none) -> ok;
check(Second) -> erlang:monotonic_time(1) =:= Second orelse throw(late).

%% ------------------------------------------------------------------------------------------------
%% The tree

start_supervisor(Run, Node) ->
    case supervisor:start_link(?MODULE, {Run, Node}) of
        {ok, Pid} ->
            started(Run, Node, Pid),
            {ok, Pid};
        {error, Reason} ->
            event(Run, Node, ?FAILED),
            {error, Reason}
    end.

%% The process dictionary tells `log` which node this is.
init({Run, Node}) ->
    put(?MODULE, {Run, Node}),
    #node{strategy = Strategy, intensity = Intensity, period_ms = PeriodMs} = spec(Run, Node),
    Flags = #{strategy => element(Strategy + 1, {one_for_one, one_for_all, rest_for_one}),
              intensity => Intensity,
              period => PeriodMs div 1000},
    Children = [Child || Child <- lists:seq(1, tuple_size(Run#run.tree) - 1),
                         (spec(Run, Child))#node.parent =:= Node],
    {ok, {Flags, [child_spec(Run, Child) || Child <- Children]}}.

child_spec(Run, Child) ->
    #node{kind = Kind, restart = Restart} = spec(Run, Child),
    {Start, Type} = case Kind of
                        ?WORKER -> {start_worker, worker};
                        ?SUPERVISOR -> {start_supervisor, supervisor}
                    end,
    #{id => Child,
      start => {?MODULE, Start, [Run, Child]},
      restart => element(Restart + 1, {permanent, transient, temporary}),
      type => Type}.

spec(Run, Node) ->
    element(Node + 1, Run#run.tree).

%% As proc_lib:start_link does: the new process says how its init went, and one that failed exits,
%% of which the supervisor hears through the link.
start_worker(Run, Node) ->
    Pid = spawn_link(?MODULE, worker, [self(), Run, Node]),
    receive
        {Pid, ok} ->
            started(Run, Node, Pid),
            {ok, Pid};
        {Pid, failed} ->
            event(Run, Node, ?FAILED),
            {error, init_failed}
    end.

worker(Supervisor, Run, Node) ->
    process_flag(trap_exit, true),
    Atomics = Run#run.atomics,
    case atomics:get(Atomics, ?FAILURES_LEFT(Node)) of
        0 ->
            Supervisor ! {self(), ok},
            receive
                {exit, Reason} ->
                    exit(Reason);
                {'EXIT', Supervisor, Reason} ->
                    event(Run, Node, ?STOPPED),
                    exit(Reason)
            end;
        _ ->
            atomics:sub(Atomics, ?FAILURES_LEFT(Node), 1),
            Supervisor ! {self(), failed},
            exit(init_failed)
    end.

started(Run, Node, Pid) ->
    ets:insert(Run#run.pids, {Node, Pid}),
    atomics:add(Run#run.atomics, ?STARTS(Node), 1),
    event(Run, Node, ?STARTED).

event(Run, Node, What) ->
    Place = atomics:add_get(Run#run.atomics, ?EVENT_COUNT, 1),
    atomics:put(Run#run.events, Place, Node bsl 2 bor What).

%% Handler of logger, called in the process that logs: OTP's own report that a supervisor gives up.
log(#{msg := {report, #{label := {supervisor, shutdown}}}}, _Config) ->
    {Run, Node} = get(?MODULE),
    atomics:add(Run#run.atomics, ?GIVE_UPS(Node), 1);
log(_Event, _Config) ->
    ok.
