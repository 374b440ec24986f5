//! Bans in memory and in the store, and what is charged to an address.

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use tempfile::TempDir;

async fn open(config: Config) -> (TempDir, Abuse) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { data: folder.path().to_owned(), ..config };
    let store = Store::open_sqlite(folder.path()).await.expect("a store");
    store.migrate().await.expect("a schema");
    let abuse = Abuse::open(&config, store).await.expect("no bans");
    (folder, abuse)
}

fn account(number: i64) -> Subject {
    Subject::Account(AccountId(number))
}

/// Whom the store knows to be banned once it knows of this one: they are written down in their order.
async fn written_until(abuse: &Abuse, last: Subject) -> Vec<String> {
    let reading = async {
        loop {
            let rows = abuse.0.store.bans().await.expect("the store answers");
            let subjects: Vec<String> = rows.into_iter().map(|row| row.subject).collect();
            if subjects.contains(&last.to_string()) {
                return subjects;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("it is written down")
}

#[tokio::test]
async fn what_is_lifted_while_it_is_written_down_does_not_come_back() {
    let (_folder, abuse) = open(Config::default()).await;
    for number in 0..20 {
        abuse.punish(account(number), "Ada".to_owned(), 1_000);
        let lifted = abuse.lift(account(number)).await.expect("the store answers");
        assert!(lifted.is_some(), "{number}");
    }
    abuse.punish(account(20), "Bob".to_owned(), 1_000);
    assert_eq!(written_until(&abuse, account(20)).await, ["account 20"]);
    assert_eq!(abuse.bans().len(), 1);
}

#[tokio::test]
async fn bans_in_force_are_counted() {
    let (_folder, abuse) = open(Config::default()).await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    let punish = |number| {
        let ban = || abuse.punish(account(number), "Ada".to_owned(), 1_000);
        metrics::with_local_recorder(&recorder, ban);
        figures.render()
    };
    let ended = Ban {
        subject: account(1),
        name: "Ada".to_owned(),
        since_s: 5,
        until_s: Some(6),
        why: "spam".to_owned(),
        by: OWN_NAME.to_owned(),
        times: 1,
    };
    assert!(abuse.0.bans.insert(ended));
    let one = punish(2);
    assert!(one.contains("\nabuse_bans_active 1\n"), "{one}");
    let two = punish(1);
    assert!(two.contains("\nabuse_bans_active 2\n"), "{two}");
}

#[tokio::test]
async fn an_address_asks_at_its_rate_and_is_banned_for_going_on() {
    let mut config = Config::default();
    config.limits.address.requests = Rate::per_minute(1, 2);
    config.limits.score.refused = 10;
    config.limits.score.address_threshold = 25;
    config.limits.score.decay_per_second = 1;
    config.limits.trusted_proxies = vec![Block::try_from("192.0.2.1".to_owned()).expect("a block")];
    let (_folder, abuse) = open(config).await;
    let address = |text: &str| abuse.address(text.parse().expect("an address"), &HeaderMap::new());
    let home = address("2001:db8::1");
    assert_eq!(abuse.count_request_from(home), Ok(()));
    assert_eq!(abuse.count_request_from(address("2001:db8::2")), Ok(()), "the same home");
    assert!(abuse.count_request_from(home).is_err());
    assert_eq!(abuse.count_handshake(home), Ok(()), "it has a rate of its own");
    for uncounted in ["192.0.2.1", "127.0.0.1"] {
        for _ in 0..9 {
            assert_eq!(abuse.count_request_from(address(uncounted)), Ok(()), "{uncounted}");
        }
    }
    assert!(abuse.count_request_from(home).is_err());
    assert_eq!(abuse.ban_on(Subject::Address(home.network)), None);
    assert!(abuse.count_request_from(home).is_err());
    assert!(abuse.ban_on(Subject::Address(home.network)).is_some());
}
