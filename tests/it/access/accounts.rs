//! Operators create advertisers and affiliates. What is wrong with an account is said field by field, and nothing of it
//! is written.

use serde_json::{Value, json};

use super::{affiliate, issue};
use crate::authorization::contents;
use crate::scene::refusals;
use crate::support::{Client, TestApp};

async fn create_advertiser(app: &TestApp, input: Value) -> Value {
    let data = app
        .operator
        .ok(
            "mutation($input: CreateAdvertiserInput!) { createAdvertiser(input: $input) { \
             advertiser { id name category website } apiKey userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    data["createAdvertiser"].clone()
}

async fn create_affiliate(app: &TestApp, input: Value) -> Value {
    let data = app
        .operator
        .ok(
            "mutation($input: CreateAffiliateInput!) { createAffiliate(input: $input) { \
             affiliate { id name email discordUserId trustScore totalSubmissions isActive } apiKey \
             userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    data["createAffiliate"].clone()
}

/// Sees that each input is refused with these words, by both mutations, and that nothing is written.
async fn are_refused(app: &TestApp, inputs: &[(Value, &[&str])]) {
    let before = contents(&app.database).await;
    for (input, expected) in inputs {
        let advertiser = create_advertiser(app, input.clone()).await;
        assert_eq!(refusals(&advertiser), *expected, "advertiser {input}");
        let affiliate = create_affiliate(app, input.clone()).await;
        assert_eq!(refusals(&affiliate), *expected, "affiliate {input}");
        for payload in [&advertiser, &affiliate] {
            assert_eq!(payload["apiKey"], Value::Null);
        }
    }
    assert_eq!(contents(&app.database).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_created_as_it_was_given() {
    let app = TestApp::start().await;
    let advertiser = create_advertiser(
        &app,
        json!({ "name": " Acme ", "category": "Shoes", "website": "https://acme.example/?a=b" }),
    )
    .await;
    assert_eq!(advertiser["userErrors"], json!([]));
    assert_eq!(advertiser["advertiser"]["name"], "Acme");
    assert_eq!(advertiser["advertiser"]["category"], "Shoes");
    assert_eq!(
        advertiser["advertiser"]["website"],
        "https://acme.example/?a=b"
    );
    let affiliate = create_affiliate(
        &app,
        json!({ "name": "Ann", "email": "Ann@Example.com", "discordUserId": "80351110224678912" }),
    )
    .await;
    let expected = json!({
        "id": affiliate["affiliate"]["id"], "name": "Ann", "email": "ann@example.com",
        "discordUserId": "80351110224678912", "trustScore": "1.00", "totalSubmissions": 0, "isActive": true,
    });
    assert_eq!(affiliate["affiliate"], expected, "{affiliate}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_1_to_200_characters_of_any_script() {
    let app = TestApp::start().await;
    let (long, invalid): (&[&str], &[&str]) = (&["TOO_LONG name"], &["INVALID name"]);
    are_refused(
        &app,
        &[
            (json!({ "name": "a".repeat(201) }), long),
            (json!({ "name": "名".repeat(201) }), long),
            (json!({ "name": "🦀".repeat(201) }), long),
            (json!({ "name": "" }), invalid),
            (json!({ "name": " \t\n\u{3000}" }), invalid),
            (json!({ "name": "a\0b" }), invalid),
        ],
    )
    .await;
    for name in ["a", &"é".repeat(200), &"名".repeat(200), &"🦀".repeat(200)] {
        let advertiser = create_advertiser(&app, json!({ "name": name })).await;
        assert_eq!(advertiser["advertiser"]["name"], name, "{advertiser}");
        let affiliate = create_affiliate(&app, json!({ "name": name })).await;
        assert_eq!(affiliate["affiliate"]["name"], name, "{affiliate}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_address_is_refused() {
    let app = TestApp::start().await;
    let invalid: &[&str] = &["INVALID email"];
    let long = format!("{}@example.com", "a".repeat(243));
    let wrong = [
        "ann",
        "@",
        "ann@",
        "@example.com",
        "ann@example",
        "ann@.com",
        "ann@example.",
        "ann@@example.com",
        "ann@b@example.com",
        "ann smith@example.com",
        "ann@exam\tple.com",
        "ann@example.com\0",
        "ann@example.com\nbcc: bob@example.com",
    ];
    let mut inputs: Vec<(Value, &[&str])> = wrong
        .iter()
        .map(|email| (json!({ "name": "Ann", "email": email }), invalid))
        .collect();
    inputs.push((json!({ "name": "Ann", "email": long }), &["TOO_LONG email"]));
    let before = contents(&app.database).await;
    for (input, expected) in &inputs {
        for payload in [
            create_advertiser(&app, input.clone()).await,
            create_affiliate(&app, input.clone()).await,
        ] {
            let mut found = refusals(&payload);
            // A NUL is wrong twice: no text holds it, and no address.
            found.dedup();
            assert_eq!(found, *expected, "{input}");
        }
    }
    assert_eq!(contents(&app.database).await, before);
    let longest = format!("{}@example.com", "a".repeat(242));
    let affiliate = create_affiliate(&app, json!({ "name": "Ann", "email": longest })).await;
    assert_eq!(affiliate["affiliate"]["email"], longest, "{affiliate}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_has_8_to_1000_characters_and_an_address() {
    let app = TestApp::start().await;
    let email = "ann@example.com";
    are_refused(
        &app,
        &[
            (
                json!({ "name": "Ann", "email": email, "password": "1234567" }),
                &["OUT_OF_RANGE password"],
            ),
            (
                json!({ "name": "Ann", "email": email, "password": "" }),
                &["OUT_OF_RANGE password"],
            ),
            (
                json!({ "name": "Ann", "email": email, "password": "秘".repeat(1001) }),
                &["OUT_OF_RANGE password"],
            ),
            (
                json!({ "name": "Ann", "password": "12345678" }),
                &["INVALID email"],
            ),
            (
                json!({ "name": "Ann", "password": "1234567" }),
                &["OUT_OF_RANGE password", "INVALID email"],
            ),
        ],
    )
    .await;
    for (index, password) in ["秘密の言葉です。".to_owned(), "秘".repeat(1000)]
        .into_iter()
        .enumerate()
    {
        let email = format!("ann{index}@example.com");
        affiliate(&app, &format!("Ann {index}"), &email, &password).await;
        let credentials = json!({ "email": email, "password": password });
        let payload = issue(&Client::anonymous(&app.url), credentials).await;
        assert_eq!(payload["userErrors"], json!([]));
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_is_said_at_once() {
    let app = TestApp::start().await;
    let input = json!({
        "name": "", "category": "c".repeat(101), "website": "javascript:alert(1)", "email": "ann", "password": "short",
    });
    let payload = create_advertiser(&app, input).await;
    assert_eq!(
        refusals(&payload),
        [
            "INVALID name",
            "TOO_LONG category",
            "INVALID website",
            "INVALID email",
            "OUT_OF_RANGE password",
        ]
    );
    let input = json!({ "name": "Ann", "discordUserId": "ann#1234" });
    let payload = create_affiliate(&app, input).await;
    assert_eq!(refusals(&payload), ["INVALID discordUserId"]);
    let input = json!({ "name": "Ann", "discordUserId": "1".repeat(21) });
    let payload = create_affiliate(&app, input).await;
    assert_eq!(refusals(&payload), ["TOO_LONG discordUserId"]);
    for website in [
        "acme.example",
        "ftp://acme.example",
        "//acme.example",
        "http://",
    ] {
        let payload = create_advertiser(&app, json!({ "name": "A", "website": website })).await;
        assert_eq!(refusals(&payload), ["INVALID website"], "{website}");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM users").await, 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_once_for_each_kind_of_account() {
    let app = TestApp::start().await;
    let given = json!({ "name": "Acme" });
    create_advertiser(&app, given.clone()).await;
    create_affiliate(&app, given.clone()).await;
    let taken: &[&str] = &["CONFLICT name"];
    are_refused(
        &app,
        &[(given, taken), (json!({ "name": "  Acme\n" }), taken)],
    )
    .await;
    let other_case = create_advertiser(&app, json!({ "name": "ACME" })).await;
    assert_eq!(
        other_case["userErrors"],
        json!([]),
        "case is part of a name"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_taken_once_whoever_has_it() {
    let app = TestApp::start().await;
    affiliate(&app, "Ann", "ann@example.com", "correct horse").await;
    let advertiser = json!({ "name": "Acme", "email": "sales@acme.example" });
    create_advertiser(&app, advertiser).await;
    let taken: &[&str] = &["CONFLICT email"];
    let mut inputs = Vec::new();
    for email in [
        "ann@example.com",
        "ANN@EXAMPLE.COM",
        " ann@example.com ",
        "sales@acme.example",
    ] {
        inputs.push((json!({ "name": "Another", "email": email }), taken));
    }
    are_refused(&app, &inputs).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discord_member_submits_for_one_affiliate() {
    let app = TestApp::start().await;
    let input = |name: &str| json!({ "name": name, "discordUserId": "80351110224678912" });
    create_affiliate(&app, input("Ann")).await;
    let before = contents(&app.database).await;
    let payload = create_affiliate(&app, input("Bob")).await;
    assert_eq!(refusals(&payload), ["CONFLICT discordUserId"]);
    assert_eq!(contents(&app.database).await, before);
    app.finish().await;
}
