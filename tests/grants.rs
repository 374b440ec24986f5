//! Scripts declare what they need and how far they reach; the operator grants, the content must fit.

use crate::live::{Workshop, lore, root};
use crate::reload_pipeline::{push, sparring, status};
use crate::support::world::pack;
use std::process::Stdio;

const DECLARES: &str = "capabilities = [\"log\"]";

#[tokio::test]
async fn a_script_gets_no_further_than_it_says() {
    let built = tokio::task::spawn_blocking(|| {
        let workshop = Workshop::open().unwrap();
        let wolf = |version, lore_toml: &str| {
            workshop.build("wolf", version, "lore.toml", DECLARES, lore_toml).unwrap()
        };
        let scope = |zones: &str| format!("{DECLARES}\nscope = \"zone\"\nzones = [{zones}]");
        [
            wolf("0.2.1", ""),
            wolf("0.2.2", &scope("\"downtown\"")),
            wolf("0.2.3", &scope("\"greywood\", \"greywod\"")),
            wolf("0.2.4", &scope("\"greywood\"")),
        ]
    })
    .await
    .unwrap();
    let [undeclared, elsewhere, misspelt, fits] = built;

    let world = sparring().start();
    let (_hero, _socket) = world.player("warrior").await;
    let refused: [(Vec<u8>, &[&str]); 3] = [
        (undeclared, &["lore:script/log@0.2.0", "capabilities = [\"log\"]"]),
        (elsewhere, &["wolf@0.2.2", "the zones downtown", "wolf stands in greywood"]),
        (misspelt, &["wolf@0.2.3", "zone/greywod"]),
    ];
    for (bytes, words) in refused {
        let answer = push(&world, bytes).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(words.iter().all(|word| detail.contains(word)), "{detail:?} does not hold all of {words:?}");
    }
    let answer = push(&world, fits).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let status = status(&world);
    let wolf = status["modules"].as_array().unwrap().iter().find(|module| module["name"] == "wolf").unwrap();
    assert!(wolf["label"].as_str().unwrap().starts_with("wolf@0.2.4+"), "{wolf}");
    assert_eq!((&wolf["scope"], &wolf["capabilities"][0]), (&"zone".into(), &"log".into()));
}

/// What a server with these settings says when it cannot start with the starter's scripts.
fn refused(settings: &str, variables: &[(&str, &str)]) -> String {
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("settings.toml");
    std::fs::write(&config, settings).unwrap();
    let output = lore()
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data"])
        .arg(data.path().join("data"))
        .arg("--config")
        .arg(config)
        .arg("--pack")
        .arg(pack())
        .arg("--content")
        .arg(root().join("content"))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_server_that_grants_nothing_does_not_start_with_scripts_that_need_something() {
    let said = refused("", &[("LORE_SCRIPTS_GRANT", "")]);
    assert!(said.contains("needs the capability `log`, this server grants nothing"), "{said}");
}

#[test]
fn a_script_is_granted_less_than_all_others() {
    let said = refused("[scripts.grant-to]\nwolf = []\n", &[]);
    assert!(said.contains("wolf needs the capability `log`, this server grants nothing"), "{said}");
    assert!(
        said.contains("ask who runs the server for `wolf = [\"log\"]` in `[scripts.grant-to]`"),
        "{said}"
    );
}
