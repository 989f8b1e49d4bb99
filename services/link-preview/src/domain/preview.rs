use std::time::Duration;

/// What a link leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    pub title: String,
    pub description: String,
    pub image: String,
    pub site_name: String,
    pub kind: Kind,
    pub video_id: String,
    pub embed_url: String,
    pub icon: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Website,
    Video,
    Article,
}

/// What opening a link came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Found(Preview),
    /// There is nothing to show.
    Nothing,
    /// It is not opened.
    Refused,
    /// Perhaps another time; `after` is what the site asked for.
    Later {
        after: Option<Duration>,
    },
}

impl Outcome {
    /// Its name in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Found(_) => "found",
            Outcome::Nothing => "nothing",
            Outcome::Refused => "refused",
            Outcome::Later { .. } => "later",
        }
    }
}
