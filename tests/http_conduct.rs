//! What holds for every request and connection.

use crate::support::http_server::{Answer, HttpServer};
use reqwest::{Method, StatusCode};
use runtime::abuse::Rate;
use runtime::config::{Config, Profile};
use runtime::http::ServeLimits;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn health_is_told() {
    let server = HttpServer::start().await;
    assert_eq!(server.get("/healthz", None).await.body, json!({"status": "ok"}));
    assert_eq!(server.get("/readyz", None).await.status, StatusCode::OK);
    assert_eq!(server.get("/metrics", None).await.status, StatusCode::OK);
    server.state.draining.store(true, Ordering::Relaxed);
    server.get("/readyz", None).await.is_problem(503, "draining");
    server.state.draining.store(false, Ordering::Relaxed);
    server.state.store.close().await;
    server.get("/readyz", None).await.is_problem(503, "unavailable");
    assert_eq!(server.get("/healthz", None).await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn without_the_store_requests_are_unavailable_not_broken() {
    let server = HttpServer::start().await;
    let ada = server.guest().await;
    server.state.store.close().await;
    for path in ["/v1/me", "/v1/characters", "/v1/characters/1", "/v1/characters/1/inventory"] {
        server.get(path, Some(&ada)).await.is_problem(503, "unavailable");
    }
    let body = json!({"name": "Eve", "class": "mage"});
    server.post("/v1/characters", Some(&ada), body).await.is_problem(503, "unavailable");
    server.post("/v1/auth/guest", None, json!({})).await.is_problem(503, "unavailable");
    server.post("/v1/auth/logout", Some(&ada), json!({})).await.is_problem(503, "unavailable");
    server.stop().await;
}

#[tokio::test]
async fn an_account_has_a_rate() {
    let mut config = Config::default();
    config.limits.http.requests = Rate::per_minute(5, 5);
    let server = HttpServer::start_with(config, ServeLimits::default()).await;
    let (ada, eve) = (server.guest().await, server.guest().await);
    for _ in 0..5 {
        assert_eq!(server.get("/v1/me", Some(&ada)).await.status, StatusCode::OK);
    }
    server.get("/v1/characters", Some(&ada)).await.is_problem(429, "rate_limited");
    assert_eq!(server.get("/v1/me", Some(&eve)).await.status, StatusCode::OK);
    // Another one holds at once.
    let more = server.state.abuse.set_policy(json!({"http": {"requests": "5/min burst 7"}})).await.unwrap();
    assert_eq!(more.http.requests, Rate::per_minute(5, 7));
    assert_eq!(server.get("/v1/me", Some(&ada)).await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn an_address_has_a_rate_whatever_it_asks_for() {
    // The own machine counts as any in production.
    let mut config = Config { profile: Profile::Production, ..Config::default() };
    config.limits.address.requests = Rate::per_minute(1, 8);
    let server = HttpServer::start_with(config, ServeLimits::default()).await;
    let ada = server.guest().await;
    for (path, status) in
        [("/v1/classes", 200), ("/openapi.json", 200), ("/metrics", 200), ("/", 200), ("/nowhere", 404)]
    {
        assert_eq!(server.get(path, None).await.status.as_u16(), status, "{path}");
    }
    server.get("/v1/me", None).await.is_problem(401, "missing_token");
    assert_eq!(server.get("/v1/me", Some(&ada)).await.status, StatusCode::OK);
    // That were eight: nothing is left of any kind, with an account or without.
    for path in ["/v1/classes", "/openapi.json", "/metrics", "/", "/nowhere", "/v1/me", "/healthz"] {
        server.get(path, None).await.is_problem(429, "rate_limited");
    }
    server.get("/v1/me", Some(&ada)).await.is_problem(429, "rate_limited");
    server.post("/v1/auth/guest", None, json!({})).await.is_problem(429, "rate_limited");
    // Another one holds at once.
    server.state.abuse.set_policy(json!({"address": {"requests": "1/min burst 20"}})).await.unwrap();
    assert_eq!(server.get("/v1/classes", None).await.status, StatusCode::OK);
    let metrics = server.get("/metrics", None).await.body;
    let refused = "http_requests_refused_total{by=\"address\"}";
    assert!(metrics.as_str().unwrap().contains(refused), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let server = HttpServer::start().await;
    let document = server.get("/openapi.json", None).await.body;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    let mut ids = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
            for (status, response) in responses {
                let is_problem = response["content"].get("application/problem+json").is_some();
                assert_eq!(is_problem, status.starts_with(['4', '5']), "{method} {path} {status}");
            }
            assert!(responses.contains_key("429"), "{method} {path}");
            if operation.get("security").is_some() {
                assert!(responses.contains_key("401"), "{method} {path}");
            }
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), count), (16, 16), "{ids:?}");
    server.stop().await;
}

#[tokio::test]
async fn requests_have_ids_and_pages_of_other_origins_are_told_apart() {
    let config = Config { cors_origins: vec!["https://a.example".parse().unwrap()], ..Config::default() };
    let server = HttpServer::start_with(config, ServeLimits::default()).await;
    let answer = server.get("/healthz", None).await;
    assert!(!answer.header("x-request-id").is_empty());
    let named = server.request(Method::GET, "/healthz").header("x-request-id", "mine");
    assert_eq!(Answer::of(named).await.header("x-request-id"), "mine");
    for (origin, allowed) in [("https://a.example", "https://a.example"), ("https://b.example", "")] {
        let preflight = server.request(Method::OPTIONS, "/v1/characters").header("origin", origin);
        let preflight = preflight.header("access-control-request-method", "POST");
        assert_eq!(Answer::of(preflight).await.header("access-control-allow-origin"), allowed);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_web_client_or_what_to_do_about_it_is_at_the_root() {
    let server = HttpServer::start().await;
    let page = server.get("/", None).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    let tag = page.header("etag");
    if !tag.is_empty() {
        let again = server.request(Method::GET, "/").header("if-none-match", tag);
        assert_eq!(Answer::of(again).await.status, StatusCode::NOT_MODIFIED);
    }
    server.stop().await;
}

#[tokio::test]
async fn half_open_requests_and_idle_connections_are_closed() {
    let limits = ServeLimits { header_read: Duration::from_millis(200), ..ServeLimits::default() };
    let server = HttpServer::start_with(Config::default(), limits).await;
    for sent in ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let closed = stream.read_to_end(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), closed).await.expect("closed").unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = HttpServer::start().await;
    let long_header = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    for (sent, expected) in
        [("\u{16}\u{3}\u{1} hello\r\n\r\n", "HTTP/1.1 400"), (&long_header, "HTTP/1.1 431")]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer);
        tokio::time::timeout(Duration::from_secs(10), read).await.expect("answered").unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), expected);
    }
    assert_eq!(server.get("/healthz", None).await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn connections_wait_for_a_place() {
    let limits = ServeLimits { connections: 1, ..ServeLimits::default() };
    let server = HttpServer::start_with(Config::default(), limits).await;
    let held = TcpStream::connect(server.address).await.unwrap();
    let mut waiting = Box::pin(server.get("/healthz", None));
    let early = tokio::time::timeout(Duration::from_millis(200), waiting.as_mut()).await;
    assert!(early.is_err(), "there was one place only");
    drop(held);
    let answer = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("a place is free");
    assert_eq!(answer.status, StatusCode::OK);
    server.stop().await;
}
