#!/usr/bin/env escript
%%! +S 1:1 +SDio 1 +sbwt none
%% Watches the start of a RabbitMQ member, and mends it when it waits for a peer for ever.
%%
%% Members that connect to each other while one of them starts may disagree on which of their connections counts. Each
%% side's `global_name_server` then waits for the other's answer, and RabbitMQ's start waits for `global:sync/0`.
%% RabbitMQ tells both servers that the peer went and came again, which is what helps; before 3.10.9 it does so in a form
%% that Erlang 25.1 and newer do not understand (https://github.com/rabbitmq/rabbitmq-server/issues/6034).
%%
%% Usage: watch-start NODE [PATIENCE]
%%   NODE      the member's own node name, such as rabbit@host
%%   PATIENCE  milliseconds that one and the same exchange with a peer may take (default 10000)
%% Ends when RabbitMQ runs on the node, or when the node is gone.

main([Node]) -> main([Node, "10000"]);
main([Node, Patience]) ->
    Own = list_to_atom(Node),
    [_, Host] = string:split(Node, "@"),
    %% Hidden and without a port of its own: nobody but the member's own node learns of it.
    Options = #{name_domain => longnames, hidden => true, dist_listen => false},
    {ok, _} = net_kernel:start(list_to_atom("watch-start-" ++ os:getpid() ++ "@" ++ Host), Options),
    await(Own),
    watch(Own, list_to_integer(Patience), []).

await(Own) ->
    case net_adm:ping(Own) of
        pong -> ok;
        pang -> timer:sleep(500), await(Own)
    end.

watch(Own, Patience, Before) ->
    case state(Own) of
        over -> ok;
        Now ->
            [mend(Own, Peer) || Peer <- lists:usort([Peer || {{_, Peer}, _} = Tag <- Now, lists:member(Tag, Before)])],
            timer:sleep(Patience),
            watch(Own, Patience, Now)
    end.

%% The tags of exchanges with peers that are under way: a new one for each exchange, none once it is through.
state(Own) ->
    try
        case is_running(Own) of
            true -> over;
            false ->
                {status, _, _, [Dictionary | _]} = erpc:call(Own, sys, get_status, [global_name_server]),
                [Tag || {{Kind, _}, _} = Tag <- Dictionary, Kind =:= sync_tag_my orelse Kind =:= sync_tag_his]
        end
    catch
        error:{erpc, noconnection} -> over
    end.

is_running(Own) ->
    try erpc:call(Own, rabbit, is_running, [])
    catch error:{exception, undef, _} -> false
    end.

mend(Own, Peer) ->
    io:format("watch-start: the exchange with ~s does not end; both sides begin it anew~n", [Peer]),
    Sides = [{At, Of, connection(At, Of, Own)} || {At, Of} <- [{Own, Peer}, {Peer, Own}]],
    [tell(Own, At, {What, Of, Connection}) || What <- [nodedown, nodeup], {At, Of, [Connection]} <- Sides].

%% What `At` knows of its connection to `Of`, asked by way of `Own`: a list of one, or of none when there is none.
connection(At, Of, Own) ->
    try erpc:call(Own, erpc, call, [At, erlang, nodes, [connected, #{connection_id => true}], 5000]) of
        Nodes -> [Connection || {Node, Connection} <- Nodes, Node =:= Of]
    catch _:_ -> []
    end.

tell(Own, At, Message) -> erpc:call(Own, erlang, send, [{global_name_server, At}, Message]).
