//! The contract of the store, checked against every database. PostgreSQL is passed over (and says
//! so) when it cannot be reached, but not where `CI` is set.

use super::*;
use sim::content::{Content, EquipSlot, Position};
use sim::input::{QuestProgress, Stack};
use sim::output::{DuelEnd, DuelEntry, DuelResult, Fact, FactKind, Opponent, Reason};
use sim::rules::{Origin, QuestState};
use sim::state::{Kept, StateValue};
use sim::{CharacterId, DefId, DuelId, def_id};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

#[path = "../../../tests/support/content.rs"]
mod content;

/// Runs a test against a fresh database of every kind.
async fn on_every_database(test: impl AsyncFn(Store)) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_sqlite(folder.path()).await.unwrap();
    store.migrate().await.unwrap();
    test(store.clone()).await;
    store.close().await;

    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var("LORE_TEST_DATABASE_URL")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned());
    let server = match Store::open_postgres(&url).await {
        Ok(server) => server,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL must be tested here: {error}");
            eprintln!("skipped PostgreSQL: {error}");
            return;
        }
    };
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let database = format!("lore_contract_{}_{number}", std::process::id());
    let execute = async |sql: String| {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&server.writer).await.unwrap();
    };
    execute(format!("CREATE DATABASE {database}")).await;
    let (base, _) = url.rsplit_once('/').unwrap();
    let store = Store::open_postgres(&format!("{base}/{database}")).await.unwrap();
    store.migrate().await.unwrap();
    let outcome =
        futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(test(store.clone()))).await;
    store.close().await;
    execute(format!("DROP DATABASE {database} WITH (FORCE)")).await;
    server.close().await;
    if let Err(panic) = outcome {
        eprintln!("the failure above was on PostgreSQL");
        std::panic::resume_unwind(panic);
    }
}

async fn ada(store: &Store) -> AccountId {
    let new = NewAccount { email: Some("Ada@example.org"), username: "Ada", password_hash: Some("phc") };
    store.create_account(new).await.unwrap().id
}

async fn hero(store: &Store, content: &Content) -> (AccountId, CharacterId) {
    let account = ada(store).await;
    let made = store.create_character(account, "Bryn", def_id("class/warrior"), content).await.unwrap();
    (account, CharacterId(made.id))
}

fn tick(
    tick: u64,
    content: &Arc<Content>,
    facts: impl IntoIterator<Item = (CharacterId, FactKind)>,
) -> TickFacts {
    let facts = facts.into_iter().map(|(character, kind)| StampedFact {
        fact: Fact { character, origin: Origin::Fallback, request: None, kind },
        by: "quest@0.1.0+00".into(),
    });
    TickFacts { zone: "downtown".to_owned(), tick, content: content.clone(), facts: facts.collect() }
}

fn gold(delta: i64, gold: u64) -> FactKind {
    FactKind::Gold { delta, reason: Reason::Loot(def_id("npc/wolf")), gold }
}

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    on_every_database(async |store: Store| {
        store.migrate().await.unwrap();
        assert!(store.migrations().await.unwrap().iter().all(|step| step.applied));
        store.ping().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn names_are_unique_without_regard_to_case() {
    on_every_database(async |store: Store| {
        let id = ada(&store).await;
        for (email, username, field) in
            [(Some("ADA@EXAMPLE.ORG"), "other", "email"), (Some("b@example.org"), "aDA", "username")]
        {
            let refused = store.create_account(NewAccount { email, username, password_hash: None }).await;
            assert!(matches!(refused, Err(StoreError::Conflict(known)) if known == field), "{field}");
        }
        for login in ["ada", "ADA", "ada@example.org"] {
            assert_eq!(store.account_by_login(login).await.unwrap().unwrap().id, id);
        }
        assert!(store.account_by_login("nobody").await.unwrap().is_none());
        // Guests have no email; that is not "the same email".
        for username in ["guest1", "guest2"] {
            let guest = NewAccount { email: None, username, password_hash: None };
            let guest = store.create_account(guest).await.unwrap();
            assert_eq!(store.account(guest.id).await.unwrap().unwrap().password_hash, None);
        }
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_works_once_and_reuse_ends_the_family() {
    on_every_database(async |store: Store| {
        let account = ada(&store).await;
        let far = unix_seconds() + 1_000;
        let session =
            NewSession { id: "s1", account, refresh_hash: "r1", expires_s: far, access_expires_s: far };
        store.create_session(session).await.unwrap();
        assert_eq!(store.rotate_session("never", "x", far, far).await.unwrap(), Rotation::Refused);
        let known = Session { id: "s1".to_owned(), account };
        let rotated = store.rotate_session("r1", "r2", far, far).await.unwrap();
        assert_eq!(rotated, Rotation::Rotated(known.clone()));
        let reused = store.rotate_session("r1", "r3", far, far).await.unwrap();
        assert_eq!(reused, Rotation::Reused { session: known, access_expires_s: far });
        assert_eq!(store.rotate_session("r2", "r4", far, far).await.unwrap(), Rotation::Refused);
        assert_eq!(store.revoked_sessions().await.unwrap(), [("s1".to_owned(), far)]);

        let ended = NewSession { id: "s2", account, refresh_hash: "e1", expires_s: 1, access_expires_s: 1 };
        store.create_session(ended).await.unwrap();
        assert_eq!(store.rotate_session("e1", "e2", far, far).await.unwrap(), Rotation::Refused);
        assert_eq!(store.forget_ended_sessions().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_refreshes_at_once_do_not_both_win() {
    on_every_database(async |store: Store| {
        let account = ada(&store).await;
        let far = unix_seconds() + 1_000;
        let session =
            NewSession { id: "s", account, refresh_hash: "r", expires_s: far, access_expires_s: far };
        store.create_session(session).await.unwrap();
        let (one, two) =
            tokio::join!(store.rotate_session("r", "a", far, far), store.rotate_session("r", "b", far, far));
        let won = [one.unwrap(), two.unwrap()].iter().filter(|r| matches!(r, Rotation::Rotated(_))).count();
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_character_has_what_its_class_starts_with() {
    on_every_database(async |store: Store| {
        let content = content::small_content();
        let (account, id) = hero(&store, &content).await;
        let (owner, state) = store.load_character(id).await.unwrap().unwrap();
        assert_eq!(owner, account);
        assert_eq!((state.name.as_str(), state.level, state.gold, state.at), ("Bryn", 1, 10, None));
        assert_eq!((state.class, state.zone), (def_id("class/warrior"), def_id("zone/downtown")));
        let carried: Vec<_> = state.inventory.iter().map(|(slot, s)| (*slot, s.item, s.count)).collect();
        let (sword, bandage) = (def_id("item/rusty_sword"), def_id("item/bandage"));
        assert_eq!(carried, [(0, sword, 1), (1, bandage, 3), (2, bandage, 2)]);
        assert_eq!(store.audit().await.unwrap().discrepancies, []);
    })
    .await;
}

#[tokio::test]
async fn character_names_are_unique_until_deleted_and_counted_per_account() {
    on_every_database(async |store: Store| {
        let content = content::small_content();
        let (account, id) = hero(&store, &content).await;
        let class = def_id("class/mage");
        let taken = store.create_character(account, "BRYN", class, &content).await;
        assert!(matches!(taken, Err(StoreError::Conflict("name"))));
        assert!(store.delete_character(id).await.unwrap());
        assert!(!store.delete_character(id).await.unwrap());
        assert!(store.load_character(id).await.unwrap().is_none());
        for n in 0..CHARACTERS_PER_ACCOUNT {
            let name = if n == 0 { "Bryn".to_owned() } else { format!("Bryn{n}") };
            store.create_character(account, &name, class, &content).await.unwrap();
        }
        let over = store.create_character(account, "Extra", class, &content).await;
        assert!(matches!(over, Err(StoreError::Conflict("characters"))));
        let listed = store.characters_of(account).await.unwrap();
        assert_eq!(listed.len() as i64, CHARACTERS_PER_ACCOUNT);
        let nobody = store.create_character(AccountId(999), "Nobody", class, &content).await;
        assert!(matches!(nobody, Err(StoreError::Missing("account"))));
    })
    .await;
}

#[tokio::test]
async fn facts_become_state() {
    on_every_database(async |store: Store| {
        let content = Arc::new(content::small_content());
        let (_, id) = hero(&store, &content).await;
        let (pelt, sword) = (def_id("item/wolf_pelt"), def_id("item/rusty_sword"));
        let wolf = Reason::Loot(def_id("npc/wolf"));
        let progress = QuestProgress { state: QuestState::Active, done: vec![2], memory: -7 };
        let at = Position { x_mm: -5, y_mm: i32::MAX };
        let zone = def_id("zone/westview");
        let facts = [
            gold(3, 13),
            gold(4, 17),
            FactKind::Experience {
                delta: 30,
                reason: Reason::Kill(def_id("npc/wolf")),
                level: 2,
                experience: 5,
            },
            FactKind::Item { item: pelt, delta: 2, reason: wolf },
            FactKind::Slot { slot: 3, stack: Some(Stack { item: pelt, count: 2 }) },
            FactKind::Slot { slot: 0, stack: None },
            FactKind::Equipment { slot: EquipSlot::MainHand, item: Some(sword) },
            FactKind::Quest { quest: def_id("quest/wolves"), progress: progress.clone(), schema: 3 },
            FactKind::DialogFlags { dialog: def_id("dialog/innkeeper"), flags: u64::MAX, schema: u32::MAX },
            FactKind::Died { killer: def_id("npc/wolf") },
            FactKind::Duel {
                duel: DuelId(1),
                opponent: Opponent::Npc(def_id("npc/wolf")),
                result: DuelResult::Won,
                why: DuelEnd::Health,
                rounds: 4,
                log: vec![DuelEntry { own: true, ability: DefId::NONE, amount: 7, heal: 0 }],
            },
            FactKind::Whereabouts { zone, at, health: 40, mana: 0 },
        ];
        let mut writer = store.fact_writer().await.unwrap();
        writer.commit(&[tick(5, &content, facts.map(|fact| (id, fact)))]).await.unwrap();
        let (_, state) = store.load_character(id).await.unwrap().unwrap();
        assert_eq!((state.gold, state.level, state.experience), (17, 2, 5));
        assert_eq!(state.inventory.get(&3), Some(&Stack { item: pelt, count: 2 }));
        assert_eq!(state.inventory.get(&0), None);
        assert_eq!(state.equipment.get(&EquipSlot::MainHand), Some(&sword));
        assert_eq!(state.quests.get(&def_id("quest/wolves")), Some(&Kept::new(progress.clone(), 3)));
        assert_eq!(state.dialog_flags.get(&def_id("dialog/innkeeper")), Some(&Kept::new(u64::MAX, u32::MAX)));
        assert_eq!((state.zone, state.at, state.health, state.mana), (zone, Some(at), Some(40), Some(0)));
        assert_eq!(store.audit().await.unwrap().discrepancies, []);
        assert_eq!(store.load_zone_clocks().await.unwrap(), [("downtown".to_owned(), 5)]);

        let bare = FactKind::Equipment { slot: EquipSlot::MainHand, item: None };
        let back = FactKind::Slot { slot: 0, stack: Some(Stack { item: sword, count: 1 }) };
        writer.commit(&[tick(6, &content, [(id, bare), (id, back)])]).await.unwrap();
        let inventory = store.inventory_of(id).await.unwrap();
        assert!(inventory.equipment.is_empty());
        assert_eq!(inventory.slots[0], InventorySlot { slot: 0, item: "rusty_sword".to_owned(), count: 1 });
        assert_eq!(store.quests_of(id).await.unwrap()[0].done, [2]);
    })
    .await;
}

#[tokio::test]
async fn states_in_other_schemas_are_found_but_for_those_of_deleted_characters() {
    on_every_database(async |store: Store| {
        let content = Arc::new(content::small_content());
        let (account, id) = hero(&store, &content).await;
        let gone = store.create_character(account, "Gone", def_id("class/mage"), &content).await.unwrap();
        let progress = QuestProgress { state: QuestState::Active, done: vec![2], memory: 5 };
        let quest =
            |schema| FactKind::Quest { quest: def_id("quest/wolves"), progress: progress.clone(), schema };
        let flags = FactKind::DialogFlags { dialog: def_id("dialog/innkeeper"), flags: 6, schema: 1 };
        let mut writer = store.fact_writer().await.unwrap();
        let facts = [(id, quest(1)), (id, flags), (CharacterId(gone.id), quest(1))];
        writer.commit(&[tick(1, &content, facts)]).await.unwrap();
        store.delete_character(CharacterId(gone.id)).await.unwrap();
        let (quests, dialogs) = (vec!["other".to_owned(), "wolves".to_owned()], vec!["innkeeper".to_owned()]);
        let script = def_id("script/quests");
        let find = async |schema, most| {
            store.states_to_migrate(script, schema, &quests, &dialogs, most).await.unwrap()
        };
        let found = find(2, 10).await;
        assert_eq!((found.count, found.newest.len()), (2, 2));
        assert_eq!((found.newest[0].script, found.newest[0].from), (script, 1));
        let value = StateValue::Quest { quest: def_id("quest/wolves"), progress };
        assert_eq!(found.newest[0].value, value);
        assert!(matches!(found.newest[1].value, StateValue::Dialog { flags: 6, .. }));
        assert_eq!(find(1, 10).await.count, 0);
        let one = find(2, 1).await;
        assert_eq!((one.count, one.newest.len()), (2, 1));
    })
    .await;
}

fn whereabouts(x_m: i32) -> FactKind {
    FactKind::Whereabouts { zone: def_id("zone/downtown"), at: Position::units(x_m, 0), health: 1, mana: 0 }
}

#[tokio::test]
async fn a_batch_whose_outcome_is_unknown_is_written_once() {
    on_every_database(async |store: Store| {
        let content = Arc::new(content::small_content());
        let (_, id) = hero(&store, &content).await;
        let mut writer = store.fact_writer().await.unwrap();
        let batch = [tick(1, &content, [(id, gold(5, 15)), (id, whereabouts(3))])];
        writer.commit(&batch).await.unwrap();
        writer.forget_last();
        // Something else has moved the character meanwhile, which a second write would take back.
        sqlx::query("UPDATE characters SET x_mm = 9000").execute(&store.writer).await.unwrap();
        writer.commit(&batch).await.unwrap();
        let (_, state) = store.load_character(id).await.unwrap().unwrap();
        assert_eq!(state.at, Some(Position::units(9, 0)));
        writer.commit(&[tick(2, &content, [(id, gold(1, 16))])]).await.unwrap();
        assert_eq!(store.inventory_of(id).await.unwrap().gold, 16);
        assert_eq!(store.audit().await.unwrap().discrepancies, []);
        let other = tick(1, &content, [(id, gold(7, 17))]);
        assert!(matches!(writer.commit(&[other]).await, Err(StoreError::Corrupt(_))));
        assert_eq!(store.inventory_of(id).await.unwrap().gold, 16);
    })
    .await;
}

#[tokio::test]
async fn a_later_writer_ends_the_term_of_the_one_before() {
    on_every_database(async |store: Store| {
        let content = Arc::new(content::small_content());
        let (_, id) = hero(&store, &content).await;
        let mut before = store.fact_writer().await.unwrap();
        before.commit(&[tick(1, &content, [(id, gold(5, 15))])]).await.unwrap();
        let mut after = store.fact_writer().await.unwrap();
        let late = before.commit(&[tick(2, &content, [(id, gold(5, 20))])]).await;
        assert!(matches!(late, Err(StoreError::Superseded)), "{late:?}");
        after.commit(&[tick(2, &content, [(id, gold(1, 16))])]).await.unwrap();
        assert_eq!(store.inventory_of(id).await.unwrap().gold, 16);
    })
    .await;
}

#[tokio::test]
async fn a_batch_with_one_impossible_fact_changes_nothing() {
    on_every_database(async |store: Store| {
        let content = Arc::new(content::small_content());
        let (_, id) = hero(&store, &content).await;
        let unknown = FactKind::Item { item: def_id("item/none"), delta: 1, reason: Reason::PickedUp };
        let mut writer = store.fact_writer().await.unwrap();
        let refused = writer.commit(&[tick(1, &content, [(id, gold(5, 15)), (id, unknown)])]).await;
        assert!(matches!(refused, Err(StoreError::UnknownDefinition(_))));
        assert_eq!(store.inventory_of(id).await.unwrap().gold, 10);
        assert_eq!(store.audit().await.unwrap().journal_rows, 3);
    })
    .await;
}

#[tokio::test]
async fn the_audit_sees_what_the_journal_does_not_explain() {
    on_every_database(async |store: Store| {
        let content = Arc::new(content::small_content());
        let (_, id) = hero(&store, &content).await;
        let pelt = Stack { item: def_id("item/wolf_pelt"), count: 4 };
        let conjured = FactKind::Slot { slot: 9, stack: Some(pelt) };
        let mut writer = store.fact_writer().await.unwrap();
        writer.commit(&[tick(1, &content, [(id, conjured), (id, gold(1, 99))])]).await.unwrap();
        let found = store.audit().await.unwrap().discrepancies;
        let found: Vec<_> = found.iter().map(|d| (d.subject.as_str(), d.journal, d.state)).collect();
        assert_eq!(found, [("gold", 11, 99), ("item wolf_pelt", 0, 4)]);
    })
    .await;
}

#[tokio::test]
async fn clocks_do_not_go_back() {
    on_every_database(async |store: Store| {
        let clocks = |tick| [("downtown".to_owned(), tick), ("westview".to_owned(), 7)];
        store.save_zone_clocks(&clocks(20)).await.unwrap();
        store.save_zone_clocks(&clocks(10)).await.unwrap();
        assert_eq!(store.load_zone_clocks().await.unwrap(), clocks(20));
    })
    .await;
}

#[tokio::test]
async fn the_end_of_an_event_is_kept_with_what_it_paid() {
    on_every_database(async |store| {
        let mut content = content::small_content();
        let event = sim::content::WorldEvent {
            name: "hunt".to_owned(),
            title: "The Hunt".to_owned(),
            script: sim::DefId::NONE,
            zone: def_id("zone/downtown"),
            at: Position::default(),
            radius_mm: 1_000,
            schedule: None,
            trigger: None,
            cooldown_ms: 1_000,
            stages: Vec::new(),
            on_success: sim::DefId::NONE,
            on_failure: sim::DefId::NONE,
            reward: sim::content::Reward::default(),
        };
        let hunt = def_id("event/hunt");
        content.events.insert(hunt, event);
        let content = Arc::new(content);
        let (_, hero) = hero(&store, &content).await;
        let mut facts = store.fact_writer().await.unwrap();
        assert!(store.load_event_ends().await.unwrap().is_empty());
        let ended = |success| FactKind::EventEnded { event: hunt, success, participants: 1 };
        let paid = FactKind::EventReward {
            event: hunt,
            rank: 1,
            participants: 1,
            points: 80,
            experience: 5,
            gold: 3,
            items: Vec::new(),
        };
        let won = [(CharacterId::NOBODY, ended(true)), (hero, paid), (hero, gold(3, 13))];
        facts.commit(&[tick(70, &content, won)]).await.unwrap();
        facts.commit(&[tick(90, &content, [(CharacterId::NOBODY, ended(false))])]).await.unwrap();
        let ends = store.load_event_ends().await.unwrap();
        assert_eq!(ends["downtown"].get(&hunt), Some(&90));
        assert_eq!(store.audit().await.unwrap().discrepancies, []);
    })
    .await;
}

#[tokio::test]
async fn an_idempotency_key_is_for_one_request() {
    on_every_database(async |store: Store| {
        let account = ada(&store).await;
        let claim =
            async |body: &str| store.claim_idempotency_key(account, "k", "POST /x", body).await.unwrap();
        assert_eq!(claim("a").await, Claimed::Fresh);
        assert_eq!(claim("a").await, Claimed::Running);
        let response = StoredResponse { status: 201, body: "{}".to_owned() };
        store.keep_response(account, "k", &response).await.unwrap();
        assert_eq!(claim("a").await, Claimed::Answered(response));
        assert_eq!(claim("b").await, Claimed::Mismatch);
        store.release_idempotency_key(account, "k").await.unwrap();
        assert_eq!(claim("b").await, Claimed::Mismatch, "an answered key is not given back");
    })
    .await;
}

#[tokio::test]
async fn bans_are_kept_until_they_are_forgotten() {
    on_every_database(async |store: Store| {
        let ban = |subject: &str, until_s| BanRow {
            subject: subject.to_owned(),
            name: "ada".to_owned(),
            since_s: 5,
            until_s,
            why: "spam".to_owned(),
            by: "loreforge".to_owned(),
            times: 2,
        };
        let (brief, for_good) = (ban("account 3", Some(20)), ban("address 192.0.2.1", None));
        store.save_ban(&ban("account 3", None)).await.unwrap();
        store.save_ban(&brief).await.unwrap();
        store.save_ban(&for_good).await.unwrap();
        assert_eq!(store.bans().await.unwrap(), [brief.clone(), for_good.clone()]);
        store.forget_bans(19).await.unwrap();
        assert_eq!(store.bans().await.unwrap(), [brief, for_good.clone()]);
        store.forget_bans(20).await.unwrap();
        assert_eq!(store.bans().await.unwrap(), [for_good]);
        store.delete_ban("address 192.0.2.1").await.unwrap();
        store.delete_ban("address 192.0.2.1").await.unwrap();
        assert_eq!(store.bans().await.unwrap(), []);
    })
    .await;
}

/// Prints what committing costs: `cargo test -p runtime --lib commit_speed -- --nocapture`.
#[tokio::test]
async fn commit_speed() {
    on_every_database(async |store: Store| {
        let content = Arc::new(content::small_content());
        let account = ada(&store).await;
        let mut heroes = Vec::new();
        for n in 0..CHARACTERS_PER_ACCOUNT {
            let name = format!("Bryn{n}");
            let made = store.create_character(account, &name, def_id("class/mage"), &content).await.unwrap();
            heroes.push(CharacterId(made.id));
        }
        let mut writer = store.fact_writer().await.unwrap();
        const TICKS: u64 = 20;
        const FACTS: u64 = 400;
        let begun = Instant::now();
        for n in 1..=TICKS {
            let facts = (0..FACTS).map(|fact| {
                let character = heroes[(fact % heroes.len() as u64) as usize];
                let pelts = Some(Stack { item: def_id("item/wolf_pelt"), count: n as u32 });
                match fact % 2 {
                    0 => (character, gold(0, 10)),
                    _ => (character, FactKind::Slot { slot: (fact / 16) as u16, stack: pelts }),
                }
            });
            writer.commit(&[tick(n, &content, facts)]).await.unwrap();
        }
        let took = begun.elapsed();
        let rows = u128::from(TICKS * FACTS) * 1_000_000 / took.as_micros();
        let per_tick = took / TICKS as u32;
        println!("{}: {rows} facts/s, {per_tick:?} per batch of {FACTS}", store.backend().name());
    })
    .await;
}
