//! Somebody makes characters, looks at them, and deletes them; others cannot.

use crate::support::http_server::{Answer, HttpServer};
use reqwest::{Method, StatusCode};
use serde_json::json;
use sim::CharacterId;

#[tokio::test]
async fn a_character_is_made_listed_shown_and_deleted() {
    let server = HttpServer::start().await;
    let ada = server.guest().await;
    assert_eq!(server.get("/v1/characters", Some(&ada)).await.body, json!({"characters": []}));
    let made = server.post("/v1/characters", Some(&ada), json!({"name": "Zoë", "class": "warrior"})).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let id = made.body["id"].as_i64().unwrap();
    assert_eq!(made.header("location"), format!("/v1/characters/{id}"));
    let mut listed = json!({
        "id": id, "name": "Zoë", "class": "warrior", "level": 1, "experience": 0,
        "experience_to_next": 100, "gold": 10, "zone": "downtown",
    });
    let list = server.get("/v1/characters", Some(&ada)).await;
    assert_eq!(list.body, json!({"characters": [listed]}), "the empty list is no longer cached");
    let shown = server.get(&format!("/v1/characters/{id}"), Some(&ada)).await;
    listed["abilities"] = json!([]);
    assert_eq!(shown.body, listed);

    let inventory = server.get(&format!("/v1/characters/{id}/inventory"), Some(&ada)).await;
    let expected = json!({"gold": 10, "equipment": {}, "slots": [
        {"slot": 0, "item": "rusty_sword", "title": "rusty sword", "count": 1, "kind": "equipment",
         "rarity": "common", "worn_at": "main_hand"},
        {"slot": 1, "item": "bandage", "title": "bandage", "count": 3, "kind": "consumable", "rarity": "common"},
        {"slot": 2, "item": "bandage", "title": "bandage", "count": 2, "kind": "consumable", "rarity": "common"},
    ]});
    assert_eq!(inventory.body, expected);
    let quests = server.get(&format!("/v1/characters/{id}/quests"), Some(&ada)).await;
    assert_eq!(quests.body, json!({"quests": []}));

    server.state.online.enter(CharacterId(id));
    let path = format!("/v1/characters/{id}");
    server.delete(&path, Some(&ada)).await.is_problem(409, "in_world");
    server.state.online.leave(CharacterId(id));
    assert_eq!(server.delete(&path, Some(&ada)).await.status, StatusCode::NO_CONTENT);
    server.delete(&path, Some(&ada)).await.is_problem(404, "not_found");
    assert_eq!(server.get("/v1/characters", Some(&ada)).await.body, json!({"characters": []}));
    server.character(&ada, "Zoë").await;
    server.stop().await;
}

#[tokio::test]
async fn names_are_unique_and_characters_are_counted() {
    let server = HttpServer::start().await;
    let (ada, eve) = (server.guest().await, server.guest().await);
    server.character(&ada, "Bryn").await;
    let taken = json!({"name": "bRYN", "class": "mage"});
    server.post("/v1/characters", Some(&eve), taken).await.is_problem(409, "name_taken");
    for n in 'a'..'h' {
        server.character(&ada, &format!("Bryn{n}")).await;
    }
    let ninth = json!({"name": "Brynz", "class": "mage"});
    server.post("/v1/characters", Some(&ada), ninth).await.is_problem(409, "too_many_characters");
    server.stop().await;
}

#[tokio::test]
async fn foreign_characters_are_not_touched() {
    let server = HttpServer::start().await;
    let (ada, eve) = (server.guest().await, server.guest().await);
    let id = server.character(&ada, "Bryn").await;
    for path in ["", "/inventory", "/quests"] {
        let path = format!("/v1/characters/{id}{path}");
        server.get(&path, Some(&eve)).await.is_problem(403, "not_owner");
        server.get(&path, None).await.is_problem(401, "missing_token");
    }
    server.delete(&format!("/v1/characters/{id}"), Some(&eve)).await.is_problem(403, "not_owner");
    assert_eq!(server.get(&format!("/v1/characters/{id}"), Some(&ada)).await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_request_is_answered_again_not_done_again() {
    let server = HttpServer::start().await;
    let (ada, eve) = (server.guest().await, server.guest().await);
    let create = async |player, key: &str, name: &str| {
        let request = server.request(Method::POST, "/v1/characters").bearer_auth(player);
        let body = json!({"name": name, "class": "mage"});
        Answer::of(request.header("Idempotency-Key", key).json(&body)).await
    };
    let first = create(&ada.access, "k1", "Bryn").await;
    let again = create(&ada.access, "k1", "Bryn").await;
    assert_eq!((first.status, &first.body), (StatusCode::CREATED, &again.body));
    assert_eq!((again.status, again.header("idempotency-replayed")), (StatusCode::CREATED, "true"));
    assert_eq!(again.header("content-type"), "application/json");
    create(&ada.access, "k1", "Other").await.is_problem(422, "idempotency_mismatch");
    // Refusals are answers too, and keys belong to an account.
    for _ in 0..2 {
        create(&eve.access, "k1", "Bryn").await.is_problem(409, "name_taken");
    }
    create(&ada.access, &"k".repeat(129), "Carl").await.is_problem(400, "invalid_idempotency_key");
    create(&ada.access, "", "Carl").await.is_problem(400, "invalid_idempotency_key");
    let list = server.get("/v1/characters", Some(&ada)).await;
    assert_eq!(list.body["characters"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn the_classes_are_those_of_the_content() {
    let server = HttpServer::start().await;
    let expected = json!({"classes": [
        {"name": "mage", "title": "Mage"}, {"name": "warrior", "title": "Warrior"},
    ]});
    assert_eq!(server.get("/v1/classes", None).await.body, expected);
    server.stop().await;
}
