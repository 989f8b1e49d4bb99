use parlance_link_preview::Settings;
use parlance_proto::link_preview::LinkPreview;
use parlance_proto::link_preview::link_preview::Kind;

use crate::fixture::{Embedded, service_with, settings};
use crate::web::{Web, answer, json, page};

const VIMEO: &str = r#"{"type":"video","title":"A film","author_name":"Ann","description":"About it.",
    "thumbnail_url":"https://i.vimeocdn.com/video/1_640.jpg","provider_name":"Vimeo"}"#;

async fn asking(web: &Web) -> Embedded {
    service_with(Settings {
        youtube_oembed_url: web.url("/youtube"),
        vimeo_oembed_url: web.url("/vimeo?app=1"),
        ..settings()
    })
    .await
}

#[tokio::test]
async fn a_youtube_link_becomes_a_player_with_the_title_of_the_video() {
    let web =
        Web::start(async |_| json(r#"{"title":"Never gonna","author_name":"Rick","thumbnail_url":"x"}"#))
            .await;
    let service = asking(&web).await;
    let url = "https://youtu.be/dQw4w9WgXcQ?t=3";
    let expected = LinkPreview {
        url: url.into(),
        title: "Never gonna".into(),
        description: "Rick".into(),
        image: "https://img.youtube.com/vi/dQw4w9WgXcQ/maxresdefault.jpg".into(),
        site_name: "YouTube".into(),
        kind: Kind::Video.into(),
        video_id: "dQw4w9WgXcQ".into(),
        embed_url: "https://www.youtube.com/embed/dQw4w9WgXcQ".into(),
        icon: String::new(),
    };
    assert_eq!(service.preview(url).await, expected);
    let asked = "/youtube?format=json&url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3DdQw4w9WgXcQ";
    assert_eq!(web.requests(), [asked]);
}

#[tokio::test]
async fn a_vimeo_link_becomes_a_player_with_title_and_picture() {
    let web = Web::start(async |_| json(VIMEO)).await;
    let service = asking(&web).await;
    let preview = service.preview("https://vimeo.com/76979871").await;
    assert_eq!((preview.title.as_str(), preview.description.as_str()), ("A film", "About it."));
    assert_eq!(preview.image, "https://i.vimeocdn.com/video/1_640.jpg");
    assert_eq!(preview.embed_url, "https://player.vimeo.com/video/76979871");
    assert_eq!((preview.video_id.as_str(), preview.site_name.as_str()), ("76979871", "Vimeo"));
    assert_eq!(preview.kind(), Kind::Video);
    assert_eq!(web.requests(), ["/vimeo?app=1&format=json&url=https%3A%2F%2Fvimeo.com%2F76979871"]);
}

#[tokio::test]
async fn a_video_is_shown_even_if_its_site_does_not_say_what_it_is() {
    let web = Web::start(async |path: String| {
        if path.contains("aaaaaaaaaaa") {
            answer(401, "text/plain", b"Unauthorized")
        } else if path.contains("bbbbbbbbbbb") {
            answer(503, "text/plain", b"")
        } else if path.contains("ccccccccccc") {
            json("not json")
        } else {
            page("<title>Consent</title>")
        }
    })
    .await;
    let service = asking(&web).await;
    for id in ["aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc", "ddddddddddd"] {
        let preview = service.preview(&format!("https://www.youtube.com/shorts/{id}")).await;
        assert_eq!(preview.embed_url, format!("https://www.youtube.com/embed/{id}"));
        assert_eq!(preview.image, format!("https://img.youtube.com/vi/{id}/maxresdefault.jpg"));
        assert_eq!((preview.title.as_str(), preview.site_name.as_str()), ("", "YouTube"));
    }
    let preview = service.preview("https://player.vimeo.com/video/1?h=abc").await;
    assert_eq!(
        (preview.embed_url.as_str(), preview.site_name.as_str()),
        ("https://player.vimeo.com/video/1?h=abc", "Vimeo")
    );
}

#[tokio::test]
async fn a_title_that_was_missed_is_asked_for_again_soon() {
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let web = Web::start(move |_| {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        std::future::ready(if first { answer(503, "text/plain", b"") } else { json(VIMEO) })
    })
    .await;
    let service = asking(&web).await;
    let url = "https://vimeo.com/76979871";
    assert_eq!(service.preview(url).await.title, "");
    assert_eq!(service.preview(url).await.title, "");
    service.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(service.preview(url).await.title, "A film");
    assert_eq!(web.requests().len(), 2);
}
