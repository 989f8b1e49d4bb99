use std::path::{Path, PathBuf};

use config::Config;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::flat::{self, Flat};

/// First part of the name of every environment variable that is a setting.
const PREFIX: &str = "PARLANCE__";

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// TOML file that must exist if it is named.
    pub file: Option<PathBuf>,
    /// Variables; those that do not start with `PARLANCE__` are ignored.
    pub environment: Vec<(String, String)>,
    /// Key and value of settings given on the command line.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// The file and flags given, and the environment of this process. Variables that are not
    /// Unicode cannot be settings and are left out.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { file, environment, flags }
    }
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Merged {
    reference: &'static str,
    values: Flat,
}

impl Merged {
    /// Lays the sources over `reference`, the commented TOML with every setting and its default.
    pub fn load(reference: &'static str, sources: &Sources) -> Result<Self, Error> {
        let (merged, problems) = Self::collect(reference, sources)?;
        match problems.into_iter().next() {
            None => Ok(merged),
            Some(problem) => Err(problem),
        }
    }

    /// As [`Merged::load`], but goes on after a setting that is refused: it keeps what it was, and the
    /// refusals are told all together. Only a broken reference is an error.
    pub fn collect(reference: &'static str, sources: &Sources) -> Result<(Self, Vec<Error>), Error> {
        let defaults = flat::parse(reference, "the built-in reference")?;
        let mut values = defaults.clone();
        let mut problems = Vec::new();
        if let Some(path) = &sources.file {
            lay_file(&defaults, &mut values, path, &mut problems);
        }
        let mut variables: Vec<_> = sources
            .environment
            .iter()
            .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
            .collect();
        variables.sort();
        for (name, key, value) in variables {
            let key = key.to_ascii_lowercase().replace("__", ".");
            let laid = lay_text(&defaults, &mut values, &key, value, &format!("the environment ({name})"));
            problems.extend(laid.err());
        }
        for (key, value) in &sources.flags {
            problems.extend(lay_text(&defaults, &mut values, key, value, "the command line").err());
        }
        Ok((Self { reference, values }, problems))
    }

    /// The defaults with one setting that differs from them, for each of these with its full key: to find
    /// out which settings are refused, and not only the first.
    pub fn one_by_one(&self) -> Result<Vec<(String, Self)>, Error> {
        let defaults = flat::parse(self.reference, "the built-in reference")?;
        let changed = self.values.iter().filter(|(key, value)| defaults.get(*key) != Some(*value));
        let alone = changed.map(|(key, value)| {
            let mut values = defaults.clone();
            values.insert(key.clone(), value.clone());
            (key.clone(), Self { reference: self.reference, values })
        });
        Ok(alone.collect())
    }

    /// These settings with the defaults of some keys.
    pub fn without(&self, keys: &[String]) -> Result<Self, Error> {
        let mut values = self.values.clone();
        for (key, default) in flat::parse(self.reference, "the built-in reference")? {
            if keys.contains(&key) {
                values.insert(key, default);
            }
        }
        Ok(Self { reference: self.reference, values })
    }

    /// Reads the settings as `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let mut builder = Config::builder();
        for (key, value) in &self.values {
            builder = builder.set_override(key, value.clone()).map_err(Error::Rejected)?;
        }
        builder.build().and_then(Config::try_deserialize).map_err(Error::Rejected)
    }

    /// The reference with the values in force; those of `secrets` (full keys) that are set show as `***`.
    pub fn render(&self, secrets: &[&str]) -> String {
        crate::render::render(self.reference, &self.values, secrets)
    }
}

fn lay_file(defaults: &Flat, values: &mut Flat, path: &Path, problems: &mut Vec<Error>) {
    let origin = path.display().to_string();
    let read = std::fs::read_to_string(path)
        .map_err(|cause| Error::Unreadable { path: path.to_owned(), cause })
        .and_then(|text| flat::parse(&text, &origin));
    let settings = match read {
        Ok(settings) => settings,
        Err(problem) => return problems.push(problem),
    };
    for (key, value) in settings {
        let origin = origin.clone();
        match defaults.get(&key) {
            None => problems.push(Error::UnknownKey { key, origin }),
            Some(default) if !flat::same_type(default, &value) => {
                problems.push(Error::WrongType { key, origin, expected: flat::type_name(default) });
            }
            Some(_) => _ = values.insert(key, value),
        }
    }
}

fn lay_text(defaults: &Flat, values: &mut Flat, key: &str, text: &str, origin: &str) -> Result<(), Error> {
    let Some(default) = defaults.get(key) else {
        return Err(Error::UnknownKey { key: key.to_owned(), origin: origin.to_owned() });
    };
    let value = flat::from_text(default, text).ok_or_else(|| Error::WrongType {
        key: key.to_owned(),
        origin: origin.to_owned(),
        expected: flat::type_name(default),
    })?;
    values.insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde::Deserialize;

    use super::*;
    use crate::Secret;

    const REFERENCE: &str = r#"
# Where data lives.
data_dir = "./data"

[gateway]
# Address.
listen = "127.0.0.1:5501"
drain_s = 5
ratio = 0.5
allowed_origins = []

[services.auth.database]
url = ""
"#;

    #[derive(Debug, Deserialize)]
    struct Settings {
        data_dir: PathBuf,
        gateway: Gateway,
        services: Services,
    }

    #[derive(Debug, Deserialize)]
    struct Gateway {
        listen: String,
        drain_s: u64,
        ratio: f64,
        allowed_origins: Vec<String>,
    }

    #[derive(Debug, Deserialize)]
    struct Services {
        auth: Service,
    }

    #[derive(Debug, Deserialize)]
    struct Service {
        database: Database,
    }

    #[derive(Debug, Deserialize)]
    struct Database {
        url: Secret,
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn environment(pairs: &[(&str, &str)]) -> Sources {
        let environment = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Sources { environment, ..Sources::default() }
    }

    #[test]
    fn the_command_line_beats_the_environment_beats_the_file_beats_the_reference() {
        let file = file("data_dir = '/file'\n[gateway]\nlisten = 'file:1'\ndrain_s = 6\nratio = 2\n");
        let sources = Sources {
            file: Some(file.path().to_owned()),
            environment: vec![
                ("PARLANCE__DATA_DIR".into(), "/environment".into()),
                ("PARLANCE__GATEWAY__LISTEN".into(), "environment:1".into()),
                ("PARLANCE__GATEWAY__ALLOWED_ORIGINS".into(), "https://a, https://b".into()),
                ("PARLANCE__SERVICES__AUTH__DATABASE__URL".into(), "postgres://u:p@h/d".into()),
                ("PATH".into(), "/bin".into()),
            ],
            flags: vec![("data_dir", "/flag".into())],
        };
        let settings: Settings = Merged::load(REFERENCE, &sources).unwrap().read().unwrap();
        assert_eq!(settings.data_dir, PathBuf::from("/flag"));
        assert_eq!(settings.gateway.listen, "environment:1");
        assert_eq!((settings.gateway.drain_s, settings.gateway.ratio), (6, 2.0));
        assert_eq!(settings.gateway.allowed_origins, ["https://a", "https://b"]);
        assert_eq!(settings.services.auth.database.url.expose(), Some("postgres://u:p@h/d"));
        assert!(!format!("{settings:?}").contains("u:p"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_its_source() {
        let file = file("[gateway]\nlistn = 'x'\n");
        let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        let error = Merged::load(REFERENCE, &sources).unwrap_err().to_string();
        assert!(error.contains("`gateway.listn`"), "{error}");
        assert!(error.contains(&file.path().display().to_string()), "{error}");

        let error = Merged::load(REFERENCE, &environment(&[("PARLANCE__GATEWAY__LISTN", "x")]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`gateway.listn`") && error.contains("PARLANCE__GATEWAY__LISTN"), "{error}");
        // A section is no setting.
        assert!(Merged::load(REFERENCE, &environment(&[("PARLANCE__GATEWAY", "x")])).is_err());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_without_quoting_it() {
        for (name, value) in
            [("PARLANCE__GATEWAY__DRAIN_S", "hunter2"), ("PARLANCE__GATEWAY__RATIO", "hunter2")]
        {
            let error = Merged::load(REFERENCE, &environment(&[(name, value)])).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("number") && !error.contains("hunter2"),
                "{error}"
            );
        }
        let file = file("[gateway]\ndrain_s = '5'\n");
        let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        assert!(matches!(Merged::load(REFERENCE, &sources), Err(Error::WrongType { .. })));
    }

    #[test]
    fn a_missing_or_malformed_file_is_refused() {
        let missing = Sources { file: Some("/nowhere/parlance.toml".into()), ..Sources::default() };
        assert!(matches!(Merged::load(REFERENCE, &missing), Err(Error::Unreadable { .. })));
        let file = file("[services.auth.database]\nurl = hunter2\n");
        let malformed = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        let error = Merged::load(REFERENCE, &malformed).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }));
        assert!(error.to_string().contains("line 2") && !error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn rendering_keeps_comments_shows_what_is_in_force_and_masks_secrets() {
        let sources = environment(&[
            ("PARLANCE__GATEWAY__DRAIN_S", "9"),
            ("PARLANCE__GATEWAY__ALLOWED_ORIGINS", "https://a\"b"),
            ("PARLANCE__SERVICES__AUTH__DATABASE__URL", "postgres://u:p@h/d"),
        ]);
        let text = Merged::load(REFERENCE, &sources).unwrap().render(&["services.auth.database.url"]);
        assert!(text.contains("# Where data lives.\n"));
        assert!(text.contains("drain_s = 9\n"));
        assert!(text.contains("url = \"***\"\n"));
        let file = file(&text);
        let again = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        let settings: Settings = Merged::load(REFERENCE, &again).unwrap().read().unwrap();
        assert_eq!(settings.gateway.allowed_origins, ["https://a\"b"]);
        assert_eq!(settings.gateway.ratio, 0.5);
    }

    #[test]
    fn without_sources_the_rendered_text_is_the_reference() {
        assert_eq!(Merged::load(REFERENCE, &Sources::default()).unwrap().render(&[]), REFERENCE);
    }
}
