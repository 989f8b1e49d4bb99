use crate::fake::{Front, Services};

/// Everything that the first page loads, and what that loads.
const SOME_FILES: [(&str, &str); 4] = [
    ("/", "text/html; charset=utf-8"),
    ("/page/main.mjs", "text/javascript; charset=utf-8"),
    ("/page/style.css", "text/css; charset=utf-8"),
    ("/page/icon.svg", "image/svg+xml"),
];

#[tokio::test]
async fn the_page_comes_with_its_type_and_may_load_nothing_from_elsewhere() {
    let front = Front::with_page(Services::with_credentials(), "secret").await;
    for (path, kind) in SOME_FILES {
        let answer = front.send("GET", path, &[], "").await;
        assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, kind), "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!policy.contains('*') && !policy.contains("http") && !policy.contains("data:"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    }
    let index = front.send("GET", "/", &[], "").await;
    assert!(String::from_utf8_lossy(&index.bytes).contains(r#"content="secret""#));
    assert_eq!(front.send("GET", "/page/nothing.mjs", &[], "").await.refusal(), (404, "NOT_FOUND".into()));
    assert_eq!(front.send("GET", "/page/../mod.rs", &[], "").await.refusal(), (404, "NOT_FOUND".into()));
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let front = Front::with_page(Services::with_credentials(), "secret").await;
    for (path, _) in SOME_FILES {
        let first = front.send("GET", path, &[], "").await;
        let tag = first.headers["etag"].to_str().unwrap();
        assert_eq!(first.headers["cache-control"], "no-cache");
        let again = front.send("GET", path, &[("if-none-match", &format!("\"other\", {tag}"))], "").await;
        assert_eq!(
            (again.status, again.bytes.len(), &again.headers["etag"]),
            (304, 0, &first.headers["etag"])
        );
        let other = front.send("GET", path, &[("if-none-match", "\"other\"")], "").await;
        assert_eq!((other.status, other.bytes), (200, first.bytes));
    }
}

#[tokio::test]
async fn without_a_key_or_with_one_that_is_nobodys_there_is_no_page() {
    for front in [
        Front::new(Services::with_credentials()).await,
        Front::with_page(Services::with_credentials(), "unknown").await,
    ] {
        for (path, _) in SOME_FILES {
            assert_eq!(front.send("GET", path, &[], "").await.refusal(), (404, "NOT_FOUND".into()), "{path}");
        }
    }
}
