use parlance_proto::link_preview::LinkPreview;
use parlance_proto::link_preview::link_preview::Kind;
use parlance_proto::link_preview::resolve_response::Outcome;

use crate::fixture::service;
use crate::web::{Web, answer, json, page, redirect};

#[tokio::test]
async fn opengraph_is_shown_as_it_is_written() {
    let web = Web::page(
        r#"<!doctype html><html><head prefix="og: https://ogp.me/ns#">
        <title>Not this</title>
        <meta property="og:type" content="article">
        <meta property="og:title" content="  Cats &amp; dogs
            &#8212; a&nbsp;story ">
        <meta property="og:title" content="A second title">
        <meta property="og:description" content="They &lt;b&gt;fight&lt;/b&gt;.">
        <meta property="og:image" content="/img/a.png?x=1&amp;y=2">
        <meta property="og:site_name" content="The Daily Cat">
        <meta name="description" content="Not this either">
        <link rel="shortcut icon" href="icon.ico">
        </head><body><p>Text</p></body></html>"#,
    )
    .await;
    let service = service().await;
    let url = web.url("/news/a.html#part");
    let expected = LinkPreview {
        url: url.clone(),
        title: "Cats & dogs — a story".into(),
        description: "They <b>fight</b>.".into(),
        image: web.url("/img/a.png?x=1&y=2"),
        site_name: "The Daily Cat".into(),
        kind: Kind::Article.into(),
        icon: web.url("/news/icon.ico"),
        ..Default::default()
    };
    assert_eq!(service.preview(&url).await, expected);
    assert_eq!(web.requests(), ["/news/a.html"]);
    let agent = web.headers()["user-agent"].to_str().unwrap().to_owned();
    assert!(agent.contains("ParlanceBot/"), "{agent}");
}

#[tokio::test]
async fn twitter_cards_speak_where_opengraph_is_silent() {
    let web = Web::page(
        r#"<head><meta name="twitter:card" content="summary"><meta name="twitter:title" content="T">
        <meta name="twitter:description" content="D"><meta property="twitter:image:src" content="i.png">
        <title>Plain</title><meta name=description content=Plain></head>"#,
    )
    .await;
    let preview = service().await.preview(&web.url("/dir/")).await;
    assert_eq!((preview.title.as_str(), preview.description.as_str()), ("T", "D"));
    assert_eq!(preview.image, web.url("/dir/i.png"));
    assert_eq!(preview.kind(), Kind::Website);
}

#[tokio::test]
async fn a_plain_page_is_shown_by_its_title_and_description() {
    let web = Web::page(
        r#"<base href="/other/"><title>Plain &amp; simple</title><META NAME="Description" CONTENT="Words.">
        <link rel="apple-touch-icon" href=touch.png><link rel="icon" href="i.svg" type="image/svg+xml">
        <meta name="application-name" content="Site"><script>document.title = "<title>no</title>";</script>
        <link rel="image_src" href="p.jpg">"#,
    )
    .await;
    let preview = service().await.preview(&web.url("/a/b")).await;
    assert_eq!((preview.title.as_str(), preview.description.as_str()), ("Plain & simple", "Words."));
    assert_eq!(preview.site_name, "Site");
    assert_eq!((preview.icon, preview.image), (web.url("/other/i.svg"), web.url("/other/p.jpg")));
}

#[tokio::test]
async fn what_stands_in_the_body_in_scripts_or_in_pictures_is_not_believed() {
    let web = Web::page(
        r#"<head><svg><title>Icon</title></svg><script><meta property="og:title" content="script"></script>
        <!-- <meta property="og:title" content="comment"> --><style><title>style</title></style>
        <noscript><meta property="og:title" content="noscript"></noscript>
        <title>Real</title></head><body>
        <meta property="og:title" content="A visitor's comment"><meta property="og:image" content="/x.png">"#,
    )
    .await;
    let preview = service().await.preview(&web.url("/")).await;
    assert_eq!((preview.title.as_str(), preview.image.as_str()), ("Real", ""));
}

/// Path, media type, body and the title that stands in it.
const ENCODED: &[(&str, &str, &[u8], &str)] = &[
    ("/header", "text/html; charset=windows-1251", b"<title>\xcf\xf0\xe8\xe2\xe5\xf2</title>", "Привет"),
    ("/quoted", "text/html; charset=\"ISO-8859-15\"", b"<title>\xa4</title>", "€"),
    ("/meta", "text/html", b"<meta charset=\"Shift_JIS\"><title>\x93\xfa\x96\x7b</title>", "日本"),
    (
        "/equiv",
        "text/html",
        b"<meta http-equiv=Content-Type content='text/html; charset=gb2312'><title>\xd6\xd0\xce\xc4</title>",
        "中文",
    ),
    ("/mark", "text/html", b"\xff\xfe<\0t\0i\0t\0l\0e\0>\0h\0i\0<\0/\0t\0i\0t\0l\0e\0>\0", "hi"),
    ("/utf8", "text/html", "<title>naïve</title>".as_bytes(), "naïve"),
    ("/none", "text/html", b"<title>na\xefve</title>", "naïve"),
    ("/xhtml", "application/xhtml+xml", "<?xml version=\"1.0\"?><title>ж</title>".as_bytes(), "ж"),
];

#[tokio::test]
async fn pages_in_other_encodings_are_read() {
    let web = Web::start(move |path| {
        let (_, content_type, body, _) = ENCODED.iter().find(|(case, ..)| *case == path).unwrap();
        std::future::ready(answer(200, content_type, body))
    })
    .await;
    let service = service().await;
    for (path, _, _, title) in ENCODED {
        assert_eq!(service.preview(&web.url(path)).await.title, *title, "{path}");
    }
}

const OEMBED: &str = r#"{"version":"1.0","type":"video","title":"From oEmbed","author_name":"Ann",
    "provider_name":"Clips","thumbnail_url":"/thumb.jpg","html":"<script>alert(1)</script>"}"#;

#[tokio::test]
async fn oembed_says_what_the_page_does_not() {
    let web = Web::start(async |path: String| match path.as_str() {
        "/oembed?format=json&id=1" => json(OEMBED),
        "/rich" => page(
            r#"<meta property="og:title" content="Own"><meta property="og:image" content="own.png">
            <link rel="alternate" type="application/json+oembed" href="/oembed?format=json&amp;id=2">"#,
        ),
        _ => page(
            r#"<title>Plain</title><link rel="alternate" type="text/xml+oembed" href="/xml">
            <link rel="alternate" type="application/json+oembed" href="/oembed?format=json&amp;id=1">"#,
        ),
    })
    .await;
    let service = service().await;
    let preview = service.preview(&web.url("/page")).await;
    assert_eq!((preview.title.as_str(), preview.site_name.as_str()), ("From oEmbed", "Clips"));
    assert_eq!((preview.image.clone(), preview.kind()), (web.url("/thumb.jpg"), Kind::Video));
    // A player of a site that is not known is not framed.
    assert_eq!((preview.embed_url.as_str(), preview.video_id.as_str()), ("", ""));
    assert_eq!(service.preview(&web.url("/rich")).await.title, "Own");
    assert_eq!(web.requests(), ["/page", "/oembed?format=json&id=1", "/rich"]);
}

#[tokio::test]
async fn a_page_is_shown_even_if_its_oembed_is_broken() {
    let web = Web::start(async |path: String| match path.as_str() {
        "/404" => answer(404, "application/json", b"{}"),
        "/html" => page("<title>x</title>"),
        "/list" => json("[1]"),
        "/large" => json(&format!("{{\"title\":\"{}\"}}", "x".repeat(2_000_000))),
        page_of => page(&format!(
            r#"<title>Plain</title><link rel=alternate type=application/json+oembed href="{}">"#,
            page_of.trim_start_matches("/of")
        )),
    })
    .await;
    let service = service().await;
    for path in
        ["/of/404", "/of/html", "/of/list", "/of/large", "/of", "/ofhttp:..[", "/offile:///etc/passwd"]
    {
        assert_eq!(service.preview(&web.url(path)).await.title, "Plain", "{path}");
    }
}

#[tokio::test]
async fn words_are_bounded_and_only_web_addresses_are_shown() {
    let html = format!(
        r#"<meta property="og:title" content="{}"><meta property="og:description" content="{}">
        <meta property="og:image" content="javascript:alert(1)"><meta property="og:site_name" content="{}">
        <meta name="twitter:image" content="data:image/png;base64,AA=="><link rel=icon href="data:,x">"#,
        "t".repeat(5000),
        "d".repeat(5000),
        "s".repeat(5000),
    );
    let web = Web::page(&html).await;
    let preview = service().await.preview(&web.url("/")).await;
    let count = |text: &str| text.chars().count();
    assert_eq!((count(&preview.title), count(&preview.description)), (300, 1000));
    assert!(preview.title.ends_with("t…") && count(&preview.site_name) == 100);
    assert_eq!((preview.image.as_str(), preview.icon.as_str()), ("", ""));
}

#[tokio::test]
async fn addresses_are_relative_to_where_redirects_lead() {
    let web = Web::start(async |path: String| match path.as_str() {
        "/short" => redirect("/long/page?x=1"),
        _ => page(r#"<title>T</title><meta property="og:image" content="i.png">"#),
    })
    .await;
    let preview = service().await.preview(&web.url("/short")).await;
    assert_eq!((preview.url, preview.image), (web.url("/short"), web.url("/long/i.png")));
}

#[tokio::test]
async fn of_a_long_page_its_beginning_is_read() {
    let web = Web::page(&format!("<title>Long</title><body>{}", "x".repeat(3_000_000))).await;
    let late = Web::page(&format!("<!--{}--><title>Late</title>", "x".repeat(3_000_000))).await;
    let service = service().await;
    assert_eq!(service.preview(&web.url("/")).await.title, "Long");
    assert_eq!(service.outcome(&late.url("/")).await, Outcome::Nothing);
}
