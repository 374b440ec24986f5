//! Bans in memory and in the store.

use super::*;
use metrics_exporter_prometheus::PrometheusBuilder;
use tempfile::TempDir;

async fn open() -> (TempDir, Abuse) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { data: folder.path().to_owned(), ..Config::default() };
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
    let (_folder, abuse) = open().await;
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
    let (_folder, abuse) = open().await;
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
