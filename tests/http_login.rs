//! Somebody registers, logs in, refreshes, logs out; and what thieves of tokens get.

use crate::support::http_server::{HttpServer, Player};
use reqwest::StatusCode;
use runtime::abuse::Rate;
use runtime::config::{Config, Profile};
use runtime::http::ServeLimits;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_account_is_made_once_and_logs_in_by_name_or_email() {
    let server = HttpServer::start().await;
    let ada = server.register("Ada").await;
    for (email, username, code) in
        [("b@example.org", "ADA", "username_taken"), ("ADA@example.org", "Other", "email_taken")]
    {
        let body = json!({"email": email, "username": username, "password": "correct horse"});
        server.post("/v1/auth/register", None, body).await.is_problem(409, code);
    }
    for login in ["ada", "Ada@Example.Org"] {
        let body = json!({"login": login, "password": "correct horse"});
        let answer = server.post("/v1/auth/login", None, body).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body["token_type"], "Bearer");
        assert_eq!(answer.body["expires_in"], 86_400);
        assert_eq!(answer.player().account, ada.account);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    for (login, password) in [("ada", "wrong horse"), ("nobody", "correct horse"), ("", ""), ("a b", "x")] {
        let body = json!({"login": login, "password": password});
        server.post("/v1/auth/login", None, body).await.is_problem(401, "bad_credentials");
    }
    let me = server.get("/v1/me", Some(&ada)).await;
    let expected = json!({"account": ada.account, "username": "Ada", "roles": ["player"], "guest": false});
    assert_eq!(me.body, expected);
    server.stop().await;
}

#[tokio::test]
async fn guests_play_without_a_password_where_they_may() {
    let server = HttpServer::start().await;
    let guest = server.guest().await;
    let me = server.get("/v1/me", Some(&guest)).await;
    assert_eq!(me.body["guest"], true);
    let login = json!({"login": me.body["username"], "password": ""});
    server.post("/v1/auth/login", None, login).await.is_problem(401, "bad_credentials");
    server.stop().await;

    let closed = Config { guests: false, ..Config::default() };
    let server = HttpServer::start_with(closed, ServeLimits::default()).await;
    server.post("/v1/auth/guest", None, json!({})).await.is_problem(403, "guests_refused");
    server.stop().await;
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_session() {
    let server = HttpServer::start().await;
    let mut revoked = server.state.auth.revocations();
    let first = server.guest().await;
    let refresh = async |player: &Player| {
        server.post("/v1/auth/refresh", None, json!({"refresh_token": player.refresh})).await
    };
    let second = refresh(&first).await.player();
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(server.get("/v1/me", Some(&second)).await.status, StatusCode::OK);
    refresh(&first).await.is_problem(401, "refresh_token_reused");
    refresh(&second).await.is_problem(401, "bad_refresh_token");
    for player in [&first, &second] {
        server.get("/v1/me", Some(player)).await.is_problem(401, "token_revoked");
    }
    revoked.try_recv().expect("sockets are told");
    let junk = json!({"refresh_token": "junk"});
    server.post("/v1/auth/refresh", None, junk).await.is_problem(401, "bad_refresh_token");
    server.stop().await;
}

#[tokio::test]
async fn logging_out_ends_one_session_and_survives_a_restart() {
    let server = HttpServer::start().await;
    let phone = server.register("Ada").await;
    let login = json!({"login": "Ada", "password": "correct horse"});
    let desk = server.post("/v1/auth/login", None, login).await.player();
    let answer = server.post("/v1/auth/logout", Some(&phone), json!({})).await;
    assert_eq!((answer.status, answer.body), (StatusCode::NO_CONTENT, json!(null)));
    server.get("/v1/me", Some(&phone)).await.is_problem(401, "token_revoked");
    let refresh = json!({"refresh_token": phone.refresh});
    server.post("/v1/auth/refresh", None, refresh).await.is_problem(401, "bad_refresh_token");
    assert_eq!(server.get("/v1/me", Some(&desk)).await.status, StatusCode::OK);

    let server = server.restart().await;
    server.get("/v1/me", Some(&phone)).await.is_problem(401, "token_revoked");
    assert_eq!(server.get("/v1/me", Some(&desk)).await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn tokens_of_others_and_of_yesterday_are_refused() {
    let server = HttpServer::start().await;
    let ada = server.guest().await;
    let with = |access: &str| Player { access: access.to_owned(), ..ada.clone() };
    server.get("/v1/me", None).await.is_problem(401, "missing_token");
    let [header, claims, signature] = ada.access.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for forged in [
        "x".to_owned(),
        "x".repeat(6_000),
        format!("{header}.{claims}."),
        format!("{header}.{claims}.{}", signature.chars().rev().collect::<String>()),
        format!("{unsigned}.{claims}."),
        format!("{unsigned}.{claims}.{signature}"),
    ] {
        server.get("/v1/me", Some(&with(&forged))).await.is_problem(401, "invalid_token");
    }
    let elsewhere = HttpServer::start().await;
    let stranger = elsewhere.guest().await;
    server.get("/v1/me", Some(&stranger)).await.is_problem(401, "invalid_token");
    elsewhere.stop().await;
    server.stop().await;

    let brief = Config { access_ttl: Duration::from_millis(1), ..Config::default() };
    let server = HttpServer::start_with(brief, ServeLimits::default()).await;
    let late = server.guest().await;
    server.get("/v1/me", Some(&late)).await.is_problem(401, "token_expired");
    server.stop().await;
}

#[tokio::test]
async fn signing_keys_rotate_twice_before_a_token_is_forgotten() {
    let server = HttpServer::start().await;
    let old = server.guest().await;
    server.state.auth.rotate_keys().unwrap();
    assert_eq!(server.get("/v1/me", Some(&old)).await.status, StatusCode::OK);
    let new = server.guest().await;
    let server = server.restart().await;
    assert_eq!(server.get("/v1/me", Some(&old)).await.status, StatusCode::OK);
    server.state.auth.rotate_keys().unwrap();
    server.get("/v1/me", Some(&old)).await.is_problem(401, "invalid_token");
    assert_eq!(server.get("/v1/me", Some(&new)).await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let mut config = Config { profile: Profile::Production, ..Config::default() };
    config.limits.http.logins = Rate::per_minute(3, 3);
    let server = HttpServer::start_with(config, ServeLimits::default()).await;
    let guess = json!({"login": "ada", "password": "a good guess"});
    for _ in 0..3 {
        server.post("/v1/auth/login", None, guess.clone()).await.is_problem(401, "bad_credentials");
    }
    server.post("/v1/auth/login", None, guess).await.is_problem(429, "rate_limited");
    assert_eq!(server.get("/healthz", None).await.status, StatusCode::OK);
    server.stop().await;
}
