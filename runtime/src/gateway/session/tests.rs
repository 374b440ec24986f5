use super::*;
use proptest::prelude::*;
use protocol::prost::Message as _;
use protocol::v1::{self, Done, Quests};
use sim::EntityId;
use sim::content::Position;
use sim::input::Command;

const NOW: Duration = Duration::from_secs(1);

fn joined() -> Session {
    let mut session = Session::new(Encoding::Json);
    session.set_state(State::InWorld(CharacterId(1)));
    session
}

fn receive(session: &mut Session, text: &str) -> Vec<Action> {
    let mut actions = Vec::new();
    session.receive_text(text, NOW, &mut actions);
    actions
}

fn done() -> Result<Outcome, RpcError> {
    Ok(Outcome::Done(Done {}))
}

fn sent(actions: &[Action]) -> &str {
    match actions {
        [Action::Send(Numbered { frame: Frame::Text(frame), .. })] => frame,
        other => panic!("expected one frame, got {other:?}"),
    }
}

#[test]
fn a_command_before_joining_is_refused() {
    let mut session = Session::new(Encoding::Json);
    let actions =
        receive(&mut session, r#"{"jsonrpc":"2.0","id":1,"method":"combat.attack","params":{"target":3}}"#);
    assert!(sent(&actions).contains(r#""reason":"invalid_state""#));
}

#[test]
fn a_request_is_answered_once_with_its_own_id() {
    let mut session = joined();
    let actions =
        receive(&mut session, r#"{"jsonrpc":"2.0","id":"a","method":"combat.attack","params":{"target":3}}"#);
    let [Action::Submit { request, ask }] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(*ask, Ask::Command(Command::Attack { target: EntityId(3) }));
    let answer = session.answer(*request, done());
    assert_eq!(answer, Some(Numbered::from(Frame::Text(r#"{"jsonrpc":"2.0","id":"a","result":{}}"#.into()))));
    assert_eq!(session.answer(*request, done()), None);
}

#[test]
fn a_batch_is_answered_when_its_last_call_is() {
    let mut session = joined();
    let actions = receive(
        &mut session,
        r#"[{"jsonrpc":"2.0","id":1,"method":"chat.send","params":{"text":"a"}},
            {"jsonrpc":"2.0","id":2,"method":"nonsense"},
            {"jsonrpc":"2.0","method":"dialog.close"},
            {"jsonrpc":"2.0","id":3,"method":"quest.list"}]"#,
    );
    let requests: Vec<_> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Submit { request, .. } => Some(*request),
            _ => None,
        })
        .collect();
    assert_eq!(requests.len(), 3);
    assert_eq!(session.answer(requests[2], Ok(Outcome::Quests(Quests::default()))), None);
    assert_eq!(session.answer(requests[1], done()), None, "a notification");
    let Some(Numbered { frame: Frame::Text(frame), .. }) = session.answer(requests[0], done()) else {
        panic!("all answered")
    };
    let values: Vec<serde_json::Value> = serde_json::from_str(&frame).expect("an array");
    assert_eq!(
        values.iter().map(|value| value["id"].as_i64()).collect::<Vec<_>>(),
        [Some(2), Some(3), Some(1)]
    );
}

#[test]
fn binary_calls_are_answered_one_by_one() {
    let mut session = Session::new(Encoding::Proto);
    session.set_state(State::InWorld(CharacterId(1)));
    let call = |id, method| v1::Call { id, method: Some(method) };
    let drop = v1::InventoryDrop { slot: 70_000, count: 1 };
    let calls = vec![
        call(Some(4), Method::QuestList(v1::QuestList {})),
        call(None, Method::WorldMove(v1::WorldMove { seq: 1, x: 5, y: -6 })),
        call(Some(5), Method::InventoryDrop(drop)),
    ];
    let mut actions = Vec::new();
    session.receive_binary(&v1::ClientFrame { calls }.encode_to_vec(), NOW, &mut actions);
    let [Action::Submit { request, ask: Ask::Quests }, Action::Submit { ask, .. }, Action::Send(refused)] =
        &actions[..]
    else {
        panic!("{actions:?}")
    };
    assert_eq!(*ask, Ask::Command(Command::Move { seq: 1, to: Position { x_mm: 5, y_mm: -6 } }));
    let read = |message: &Numbered| {
        let Frame::Binary(bytes) = message.whole() else { panic!("binary") };
        v1::ServerFrame::decode(bytes.as_ref()).expect("decodes").responses.remove(0)
    };
    let refused = read(refused);
    assert!(matches!(&refused.outcome, Some(Outcome::Error(error)) if error.message.starts_with("`slot`")));
    assert_eq!(refused.id, 5);
    let answer = session.answer(*request, Ok(Outcome::Quests(Quests::default()))).expect("waits");
    assert_eq!(read(&answer), v1::Response { id: 4, outcome: Some(Outcome::Quests(Quests::default())) });
}

#[test]
fn moves_in_one_call_are_one_question_in_their_order() {
    let mut session = joined();
    let call = |moves: &str| {
        format!(r#"{{"jsonrpc":"2.0","method":"world.position.batch","params":{{"moves":[{moves}]}}}}"#)
    };
    let actions = receive(&mut session, &call(r#"{"seq":4,"x":1,"y":2},{"seq":5,"x":3,"y":-4}"#));
    let [Action::Submit { ask, .. }] = &actions[..] else { panic!("{actions:?}") };
    let place = |x_mm, y_mm| Position { x_mm, y_mm };
    assert_eq!(*ask, Ask::Moves(vec![(4, place(1, 2)), (5, place(3, -4))]));
    let many = vec![r#"{"seq":6,"x":1,"y":2}"#; limits::BATCH_MOVES + 1].join(",");
    for wrong in ["", &many, "7", r#"{"seq":6,"x":1}"#] {
        let asked = call(wrong).replacen('{', r#"{"id":1,"#, 1);
        let actions = receive(&mut session, &asked);
        assert!(sent(&actions).contains(r#""code":-32602"#), "{actions:?}");
    }
}

#[test]
fn a_batch_of_notifications_gets_no_answer() {
    let actions = receive(&mut joined(), r#"[{"jsonrpc":"2.0","method":"nonsense"}]"#);
    assert_eq!(actions, []);
}

#[test]
fn attacks_beyond_the_limit_say_when_to_retry() {
    let mut session = joined();
    let attack = r#"{"jsonrpc":"2.0","id":1,"method":"combat.attack","params":{"target":3}}"#;
    receive(&mut session, attack);
    receive(&mut session, attack);
    assert!(sent(&receive(&mut session, attack)).contains(r#""reason":"rate_limited","retry_after_ms":500"#));
}

#[test]
fn moves_in_one_call_cost_as_much_as_one_by_one() {
    let mut session = joined();
    let moves = vec![r#"{"seq":4,"x":1,"y":2}"#; limits::BATCH_MOVES].join(",");
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"world.position.batch","params":{{"moves":[{moves}]}}}}"#
    );
    for _ in 0..2 {
        assert!(matches!(receive(&mut session, &call)[..], [Action::Submit { .. }]));
    }
    let actions = receive(&mut session, &call);
    // 8 are left, of which this call took one.
    assert!(sent(&actions).contains(r#""reason":"rate_limited","retry_after_ms":400"#), "{actions:?}");
}

#[test]
fn params_that_are_too_large_for_their_method_are_not_read() {
    let call = |method: &str, bytes: usize| {
        let params = format!("{:bytes$}", r#"{"odd":1}"#).replacen("}", "", 1) + "}";
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
    };
    let size = Policy::default().size;
    for method in Method::NAMES.iter().copied() {
        let most = size.of(method) as usize;
        for (bytes, told) in [(most, "unknown field"), (most + 1, "`params` has")] {
            let actions = receive(&mut joined(), &call(method, bytes));
            assert!(sent(&actions).contains(told), "{method} {bytes}: {actions:?}");
        }
    }
}

#[test]
fn a_flood_closes_the_socket_once() {
    let mut session = joined();
    let floods = (0..1_500)
        .flat_map(|_| receive(&mut session, r#"{"jsonrpc":"2.0","method":"dialog.close"}"#))
        .filter(|action| *action == Action::Flood)
        .count();
    assert_eq!(floods, 1);
}

#[test]
fn a_flood_is_seen_too_when_less_is_allowed_meanwhile() {
    let mut session = joined();
    let floods = |session: &mut Session| {
        let told = r#"{"jsonrpc":"2.0","method":"dialog.close"}"#;
        let actions: Vec<Action> = (0..300).flat_map(|_| receive(session, told)).collect();
        actions.iter().filter(|action| **action == Action::Flood).count()
    };
    assert_eq!(floods(&mut session), 0);
    let mut policy = Policy::default();
    policy.flood.calls = 50;
    session.allowance().set_policy(Arc::new(policy));
    assert_eq!(floods(&mut session), 1);
}

#[test]
fn an_expired_token_leaves_no_call_without_an_answer() {
    let mut session = joined();
    for id in 1..4 {
        receive(&mut session, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"dialog.close"}}"#));
    }
    let frames = session.fail_all(&RpcError::SessionExpired);
    assert_eq!(frames.len(), 3);
    for (frame, id) in frames.iter().zip(1..) {
        let Frame::Text(frame) = frame.whole() else { panic!("text") };
        let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32002"#);
        assert!(frame.starts_with(&start) && frame.contains("session_expired"), "{frame}");
    }
    assert_eq!(session.fail_all(&RpcError::SessionExpired), [], "once");
}

#[test]
fn a_call_that_waits_is_known_by_what_its_client_calls_it() {
    let mut session = joined();
    let actions = receive(&mut session, r#"{"jsonrpc":"2.0","id":"a\nb","method":"quest.list"}"#);
    let request = actions[0].request().expect("it is to be answered");
    let (id, method) = session.named(request, NOW).expect("it waits");
    assert_eq!((id.to_string().as_str(), method), (r#""a\nb""#, "quest.list"));
    assert!(session.named(request, NOW + Duration::from_millis(1)).is_none(), "it came before");
    assert!(session.answer(request, done()).is_some());
    assert!(session.named(request, NOW).is_none(), "it is answered");
}

#[test]
fn a_defect_fails_what_came_with_it_and_nothing_before() {
    let mut session = joined();
    let quests = r#"{"jsonrpc":"2.0","id":1,"method":"quest.list"}"#;
    let actions = receive(&mut session, quests);
    let [Action::Submit { request: before, .. }] = &actions[..] else { panic!("{actions:?}") };
    let moment = NOW + Duration::from_millis(1);
    let batch = r#"[{"jsonrpc":"2.0","id":2,"method":"quest.list"},
        {"jsonrpc":"2.0","id":3,"method":"nonsense"},
        {"jsonrpc":"2.0","id":4,"method":"inventory.list"}]"#;
    let mut with_it = Vec::new();
    session.receive_text(batch, moment, &mut with_it);
    let later = r#"{"jsonrpc":"2.0","id":5,"method":"quest.list"}"#;
    session.receive_text(later, moment + Duration::from_millis(1), &mut with_it);
    let [Action::Submit { request: first, .. }, ..] = &with_it[..] else { panic!("{with_it:?}") };

    let frames = session.fail_since(moment, &RpcError::Internal);
    let frames: Vec<Frame> = frames.iter().map(Numbered::whole).collect();
    let [Frame::Text(batch), Frame::Text(later)] = &frames[..] else { panic!("{frames:?}") };
    let mut told: Vec<serde_json::Value> = serde_json::from_str(batch).expect("an array");
    told.push(serde_json::from_str(later).expect("an object"));
    let told: Vec<_> = told.iter().map(|it| (it["id"].as_i64(), it["error"]["code"].as_i64())).collect();
    let expected: [(i64, i64); 4] = [(3, -32601), (2, -32603), (4, -32603), (5, -32603)];
    assert_eq!(told, expected.map(|(id, code)| (Some(id), Some(code))));

    assert_eq!(session.answer(*first, done()), None, "once");
    assert_eq!(session.fail_since(moment, &RpcError::Internal), [], "once");
    let answer = session.answer(*before, done());
    assert_eq!(answer, Some(Numbered::from(Frame::Text(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into()))));
}

#[test]
fn open_requests_are_bounded() {
    let mut session = joined();
    let mut busy = 0;
    for second in 0..10 {
        for _ in 0..50 {
            let mut actions = Vec::new();
            let text = r#"{"jsonrpc":"2.0","id":1,"method":"dialog.close"}"#;
            session.receive_text(text, Duration::from_secs(second), &mut actions);
            busy += usize::from(
                matches!(&actions[..], [Action::Send(Numbered { frame: Frame::Text(frame), .. })] if frame.contains("busy")),
            );
        }
    }
    assert_eq!(busy, 500 - limits::PENDING_REQUESTS);
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC*") {
        receive(&mut joined(), &text);
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut session = joined();
        session.receive_binary(&bytes, NOW, &mut Vec::new());
    }

    #[test]
    fn any_params_are_survived(
        method in "(world|combat|quest|inventory|dialog|chat|npc|shop|craft|duel|presence|system)\\.(move|update|subscribe|query|attack|use_skill|list|accept|equip|unequip|drop|choose|send|interact|buy|sell|make|challenge|decline|act|auto|surrender)",
        member in "(seq|x|y|target|ability|quest|slot|from|to|count|choice|text|npc|item|price|recipe|duel|on|state|status|characters|topics)",
        value in "(-?[0-9]{1,30}|true|null|\"[a-z]*\"|\\[\\]|\\{\\}|1e400|0.5)",
    ) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"{member}":{value}}}}}"#);
        prop_assert_eq!(receive(&mut joined(), &text).len(), 1);
    }
}
