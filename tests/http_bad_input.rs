//! Whatever is sent, the answer is a documented problem, and never a 500.

use crate::support::http_server::{Answer, HttpServer};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn every_body_is_checked_on_every_route() {
    let server = HttpServer::start().await;
    let ada = server.guest().await;
    let routes = [
        (
            "/v1/auth/register",
            json!({"email": "e@example.org", "username": "eve", "password": "correct horse"}),
        ),
        ("/v1/auth/guest", json!({})),
        ("/v1/auth/login", json!({"login": "eve", "password": "correct horse"})),
        ("/v1/auth/refresh", json!({"refresh_token": "x"})),
        ("/v1/characters", json!({"name": "Eve", "class": "mage"})),
    ];
    for (path, good) in routes {
        let raw = async |body: String, content_type: &str| {
            let request = server.request(Method::POST, path).bearer_auth(&ada.access);
            Answer::of(request.header("content-type", content_type).body(body)).await
        };
        let json = "application/json";
        for broken in ["", "{", "NaN", "{\"name\": NaN}", "\u{0}", "{\"a\":1}}"] {
            raw(broken.to_owned(), json).await.is_problem(400, "malformed_json");
        }
        raw("[".repeat(10_000), json).await.is_problem(400, "malformed_json");
        for shape in ["null", "[]", "7", "\"text\"", "true"] {
            let answer = raw(shape.to_owned(), json).await;
            // An empty array is also an object without members.
            if !(shape == "[]" && path.ends_with("guest")) {
                answer.is_problem(422, "invalid_field");
            }
        }
        raw(good.to_string(), "text/plain").await.is_problem(415, "unsupported_media_type");
        raw(format!("\"{}\"", "x".repeat(70_000)), json).await.is_problem(413, "body_too_large");
        let mut extra = good.clone();
        extra["admin"] = json!(true);
        raw(extra.to_string(), json).await.is_problem(422, "invalid_field");
        for member in good.as_object().unwrap().keys() {
            let mut missing = good.clone();
            missing.as_object_mut().unwrap().remove(member);
            let answer = raw(missing.to_string(), json).await;
            answer.is_problem(422, "invalid_field");
            assert!(answer.body["detail"].as_str().unwrap().contains(member.as_str()), "{answer:?}");
            for wrong in [json!(null), json!(-1), json!(1e300), json!([]), json!({}), json!(false)] {
                let mut typed = good.clone();
                typed[member] = wrong;
                raw(typed.to_string(), json).await.is_problem(422, "invalid_field");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn fields_have_bounds() {
    let server = HttpServer::start().await;
    let ada = server.guest().await;
    let register = |member: &str, value: &str| {
        let mut body = json!({"email": "e@example.org", "username": "eve", "password": "correct horse"});
        body[member] = json!(value);
        body
    };
    let long = "x".repeat(60_000);
    for (member, values) in [
        ("email", ["", "eve", "e@", "e e@example.org", &long]),
        ("username", ["", "ev", "eve!", "ёve", &long]),
        ("password", ["", "1234567", "       ", "\u{0}", &long]),
    ] {
        for value in values {
            let answer = server.post("/v1/auth/register", None, register(member, value)).await;
            answer.is_problem(422, "invalid_field");
            assert!(answer.body["detail"].as_str().unwrap().starts_with(member), "{answer:?}");
        }
    }
    for name in ["", "A", "Ada1", "Ada Love", "<b>", "Ada\u{202e}", "Аda", &long] {
        let body = json!({"name": name, "class": "mage"});
        server.post("/v1/characters", Some(&ada), body).await.is_problem(422, "invalid_field");
    }
    for class in ["", "Mage", "dragon", "../mage", &long] {
        let body = json!({"name": "Eve", "class": class});
        server.post("/v1/characters", Some(&ada), body).await.is_problem(422, "invalid_field");
    }
    server
        .post("/v1/auth/login", None, json!({"login": long, "password": "x"}))
        .await
        .is_problem(401, "bad_credentials");
    server
        .post("/v1/auth/refresh", None, json!({"refresh_token": long}))
        .await
        .is_problem(401, "bad_refresh_token");
    server.stop().await;
}

#[tokio::test]
async fn ids_that_name_nothing_are_not_found() {
    let server = HttpServer::start().await;
    let ada = server.guest().await;
    for id in [
        "0",
        "-1",
        "999999",
        "9223372036854775807",
        "9223372036854775808",
        "1.5",
        "NaN",
        "x",
        "%00",
        "%ff",
        "1%2f2",
    ] {
        for tail in ["", "/inventory", "/quests"] {
            let path = format!("/v1/characters/{id}{tail}");
            server.get(&path, Some(&ada)).await.is_problem(404, "not_found");
        }
        server.delete(&format!("/v1/characters/{id}"), Some(&ada)).await.is_problem(404, "not_found");
    }
    server.stop().await;
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let server = HttpServer::start().await;
    for path in ["/v1", "/v1/nothing", "/v2/me", "/../Cargo.toml", "/%2e%2e/Cargo.toml"] {
        server.get(path, None).await.is_problem(404, "not_found");
    }
    let paths: Value = server.get("/openapi.json", None).await.body["paths"].clone();
    for (path, methods) in paths.as_object().unwrap() {
        let path = path.replace("{id}", "1");
        for method in [Method::PUT, Method::PATCH, Method::POST] {
            if methods.get(method.as_str().to_lowercase()).is_none() {
                let answer = Answer::of(server.request(method, &path)).await;
                answer.is_problem(405, "method_not_allowed");
                assert!(!answer.header("allow").is_empty(), "{answer:?}");
            }
        }
    }
    server.stop().await;
}
