//! Videos of known sites: their ids stand in the address, so that a player and a picture can be shown even
//! when the site does not answer.

use url::Url;

use super::link;
use super::oembed::Oembed;
use super::page::{MAX_DESCRIPTION, MAX_SITE_NAME, MAX_TITLE};
use super::preview::{Kind, Preview};
use super::text::clean;

/// Ids of YouTube have 11 characters; others are let through, the site knows better.
const YOUTUBE_ID: std::ops::RangeInclusive<usize> = 6..=20;
const VIMEO_ID: std::ops::RangeInclusive<usize> = 1..=20;
/// What stands in the place of an id and is none.
const YOUTUBE_WORDS: [&str; 2] = ["videoseries", "live_stream"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    YouTube,
    Vimeo,
}

/// A video of a known site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    pub site: Site,
    pub id: String,
    /// Vimeo: what opens an unlisted video.
    key: Option<String>,
}

impl Video {
    /// The video that an address leads to.
    pub fn of(url: &Url) -> Option<Self> {
        let host = link::host(url);
        let host =
            ["www.", "m.", "music."].iter().find_map(|prefix| host.strip_prefix(prefix)).unwrap_or(host);
        let path: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
        match host {
            "youtube.com" | "youtube-nocookie.com" => youtube(match path[..] {
                ["watch"] => query(url, "v")?,
                ["shorts" | "embed" | "live" | "v", id, ..] => id.to_owned(),
                _ => return None,
            }),
            "youtu.be" => youtube((*path.first()?).to_owned()),
            "vimeo.com" => match path[..] {
                [id] | ["channels", _, id] | ["groups", _, "videos", id] => vimeo(id, None),
                ["album" | "showcase", _, "video", id] => vimeo(id, None),
                [id, key] => vimeo(id, Some(key.to_owned())),
                _ => None,
            },
            "player.vimeo.com" => match path[..] {
                ["video", id] => vimeo(id, query(url, "h")),
                _ => None,
            },
            _ => None,
        }
    }

    /// The video's page: what its site is asked about.
    pub fn page(&self) -> String {
        match (self.site, &self.key) {
            (Site::YouTube, _) => format!("https://www.youtube.com/watch?v={}", self.id),
            (Site::Vimeo, None) => format!("https://vimeo.com/{}", self.id),
            (Site::Vimeo, Some(key)) => format!("https://vimeo.com/{}/{key}", self.id),
        }
    }

    /// A player that may be put into a frame.
    fn embed_url(&self) -> String {
        match (self.site, &self.key) {
            (Site::YouTube, _) => format!("https://www.youtube.com/embed/{}", self.id),
            (Site::Vimeo, None) => format!("https://player.vimeo.com/video/{}", self.id),
            (Site::Vimeo, Some(key)) => format!("https://player.vimeo.com/video/{}?h={key}", self.id),
        }
    }

    /// What is shown of it; `said` is the site's own answer, if there is one. The picture of YouTube is
    /// known by the id alone; the channel's name stands where a description would.
    pub fn preview(self, said: Option<Oembed>) -> Preview {
        let embed_url = self.embed_url();
        let said = said.unwrap_or_default();
        let (image, site_name, description) = match self.site {
            Site::YouTube => {
                let picture = format!("https://img.youtube.com/vi/{}/maxresdefault.jpg", self.id);
                (picture, "YouTube", &said.author)
            }
            Site::Vimeo => {
                let picture = said.picture.map(String::from).unwrap_or_default();
                let words = if said.description.is_empty() { &said.author } else { &said.description };
                (picture, "Vimeo", words)
            }
        };
        Preview {
            title: clean(&said.title, MAX_TITLE),
            description: clean(description, MAX_DESCRIPTION),
            image,
            site_name: clean(site_name, MAX_SITE_NAME),
            kind: Kind::Video,
            video_id: self.id,
            embed_url,
            icon: String::new(),
        }
    }
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn youtube(id: String) -> Option<Video> {
    let good =
        YOUTUBE_ID.contains(&id.len()) && id.bytes().all(is_word) && !YOUTUBE_WORDS.contains(&id.as_str());
    good.then_some(Video { site: Site::YouTube, id, key: None })
}

fn vimeo(id: &str, key: Option<String>) -> Option<Video> {
    let good = VIMEO_ID.contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
    // What is no key is something else below the video ("/comments"), or nothing we would repeat.
    let key =
        key.filter(|key| key.len() <= 20 && !key.is_empty() && key.bytes().all(|b| b.is_ascii_hexdigit()));
    good.then_some(Video { site: Site::Vimeo, id: id.to_owned(), key })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Option<Video> {
        Video::of(&Url::parse(url).unwrap())
    }

    #[test]
    fn youtube_is_known_by_all_its_addresses() {
        for url in [
            "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            "https://youtube.com/watch?list=x&v=dQw4w9WgXcQ&t=3",
            "http://m.youtube.com/watch?v=dQw4w9WgXcQ",
            "https://music.youtube.com/watch?v=dQw4w9WgXcQ",
            "https://youtu.be/dQw4w9WgXcQ?si=x",
            "https://www.youtube.com/shorts/dQw4w9WgXcQ",
            "https://www.youtube.com/embed/dQw4w9WgXcQ?autoplay=1",
            "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ",
            "https://www.youtube.com/live/dQw4w9WgXcQ/",
            "https://www.youtube.com/v/dQw4w9WgXcQ",
        ] {
            let video = of(url).unwrap_or_else(|| panic!("{url}"));
            assert_eq!((video.site, video.id.as_str()), (Site::YouTube, "dQw4w9WgXcQ"), "{url}");
        }
        for url in [
            "https://www.youtube.com/",
            "https://www.youtube.com/@channel",
            "https://www.youtube.com/watch",
            "https://www.youtube.com/watch?v=",
            "https://www.youtube.com/watch?v=a%22%3E%3Cscript",
            "https://www.youtube.com/watch?v=dQw4w9WgXcQdQw4w9WgXcQ",
            "https://www.youtube.com/embed/videoseries?list=x",
            "https://youtu.be/",
            "https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ",
            "https://notyoutube.com/watch?v=dQw4w9WgXcQ",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }

    #[test]
    fn vimeo_is_known_by_all_its_addresses() {
        for url in [
            "https://vimeo.com/76979871",
            "https://www.vimeo.com/76979871?x",
            "https://vimeo.com/channels/staffpicks/76979871",
            "https://vimeo.com/groups/name/videos/76979871",
            "https://vimeo.com/showcase/123/video/76979871",
            "https://player.vimeo.com/video/76979871",
            "https://vimeo.com/76979871/comments",
        ] {
            let video = of(url).unwrap_or_else(|| panic!("{url}"));
            assert_eq!(
                (video.site, video.id.as_str(), &video.key),
                (Site::Vimeo, "76979871", &None),
                "{url}"
            );
        }
        for url in
            ["https://vimeo.com/76979871/0a1b2c3d4e", "https://player.vimeo.com/video/76979871?h=0a1b2c3d4e"]
        {
            let video = of(url).unwrap();
            assert_eq!(video.page(), "https://vimeo.com/76979871/0a1b2c3d4e");
            assert_eq!(video.embed_url(), "https://player.vimeo.com/video/76979871?h=0a1b2c3d4e");
        }
        for url in [
            "https://vimeo.com/",
            "https://vimeo.com/about",
            "https://vimeo.com/user123/likes",
            "https://player.vimeo.com/76979871",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }

    #[test]
    fn a_video_is_shown_even_if_its_site_says_nothing() {
        let preview = of("https://youtube.com/watch?v=abc123").unwrap().preview(None);
        assert_eq!(preview.image, "https://img.youtube.com/vi/abc123/maxresdefault.jpg");
        assert_eq!(preview.embed_url, "https://www.youtube.com/embed/abc123");
        assert_eq!((preview.video_id.as_str(), preview.site_name.as_str()), ("abc123", "YouTube"));
        assert_eq!((preview.title.as_str(), preview.kind), ("", Kind::Video));
    }
}
