//! One list of routes, from which both the router and the description are made.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{HttpMethod, Operation, Paths};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::tag::{Tag, TagBuilder};

use super::describe;
use crate::state::Edge;

/// Handlers by their modules, in a [`Table`]: `routes!(channels::list, channels::create)`. Each has a
/// function `handle` with `#[utoipa::path]`, and its operation is called as its module.
macro_rules! routes {
    ($($($module:ident)::+),+ $(,)?) => {{
        let mut routes = $crate::dialects::chatsdk::table::Routes::default();
        $(
            routes.add::<$($module)::+::__path_handle, _, _>(
                concat!($(".", stringify!($module)),+),
                $($module)::+::handle,
            );
        )+
        routes
    }};
}
pub(super) use routes;

/// The handlers of one path.
#[derive(Default)]
pub struct Routes {
    methods: MethodRouter<Edge>,
    described: Vec<Described>,
}

/// A handler's own description, before what all operations share is added.
struct Described {
    /// Of the handler, by which its own shapes are called.
    name: String,
    id: String,
    path: String,
    method: HttpMethod,
    operation: Operation,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Described {
    /// Says no more than that it is the same as with this method at its own path.
    fn repeat(&mut self, method: &str) {
        self.operation.summary = Some(format!("The same as `{method} {}`.", self.path));
        self.operation.description = None;
    }
}

impl Routes {
    /// Adds a handler with what `#[utoipa::path]` made of it; `name` is `.noun.verb`. Of several methods
    /// the first has that name, another has its own behind it (`noun.verb_put`).
    pub fn add<D, H, T>(&mut self, name: &str, handler: H)
    where
        D: utoipa::Path + utoipa::__dev::SchemaReferences,
        H: Handler<T, Edge>,
        T: 'static,
    {
        let mut methods = std::mem::take(&mut self.methods);
        let mut first = None;
        for method in D::methods() {
            methods = methods.on(filter(&method), handler.clone());
            let mut schemas = Vec::new();
            D::schemas(&mut schemas);
            let name = name.trim_start_matches('.').to_owned();
            let (id, path, operation) = (name.clone(), D::path(), D::operation());
            let mut described = Described { name, id, path, method, operation, schemas };
            let method = described.method.as_text();
            if let Some(first) = first {
                described.repeat(first);
                described.id = format!("{}_{}", described.id, method.to_lowercase());
            }
            first.get_or_insert(method);
            self.described.push(described);
        }
        self.methods = methods;
    }
}

/// Handlers without a description.
impl From<MethodRouter<Edge>> for Routes {
    fn from(methods: MethodRouter<Edge>) -> Self {
        Self { methods, described: Vec::new() }
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
    }
}

/// The list of routes, in the order of the documentation.
#[derive(Default)]
pub struct Table {
    pub(super) router: Router<Edge>,
    pub(super) paths: Paths,
    pub(super) schemas: BTreeMap<String, RefOr<Schema>>,
    pub(super) tags: Vec<Tag>,
    ids: BTreeSet<String>,
    /// Paths with handlers that have no description.
    pub(super) undescribed: Vec<&'static str>,
    /// What contradicts itself; a test wants none.
    pub(super) faults: Vec<String>,
}

impl Table {
    /// What follows belongs together.
    pub fn section(mut self, name: &str, about: &str) -> Self {
        self.tags.push(TagBuilder::new().name(name).description(Some(about)).build());
        self
    }

    /// Handlers of a path: described by `routes!`, or without description by `get(…).post(…)`.
    pub fn route(mut self, path: &'static str, routes: impl Into<Routes>) -> Self {
        let routes = routes.into();
        for described in &routes.described {
            if described.path != path {
                self.faults.push(format!("{} is described as {}, not {path}", described.id, described.path));
            }
        }
        self.serve(path, routes)
    }

    /// Another path of a handler that has one already, and what its operation is called there.
    pub fn alias(mut self, path: &'static str, id: &str, mut routes: Routes) -> Self {
        for described in &mut routes.described {
            described.repeat(described.method.as_text());
            described.id = id.to_owned();
        }
        if let Some(described) = routes.described.iter().find(|one| one.path == path) {
            self.faults.push(format!("{path} is its own alias {}", described.id));
        }
        self.serve(path, routes)
    }

    fn serve(mut self, path: &'static str, routes: Routes) -> Self {
        if routes.described.is_empty() {
            self.undescribed.push(path);
        }
        for described in routes.described {
            self.describe(path, described);
        }
        self.router = self.router.route(path, routes.methods);
        self
    }

    fn describe(&mut self, path: &str, described: Described) {
        let Described { name: own, id, method, mut operation, schemas, .. } = described;
        if !self.ids.insert(id.clone()) {
            self.faults.push(format!("two operations are called {id}"));
        }
        operation.tags = self.tags.last().map(|tag| vec![tag.name.clone()]);
        operation.operation_id = Some(id.clone());
        describe::complete(path, &mut operation);
        describe::name_own_shapes(&own, &mut operation);
        for (name, mut schema) in schemas {
            // Kept in place, see `schema.rs`.
            if super::schema::kind_named(&name).is_some() {
                continue;
            }
            describe::name_own_shapes_in(&own, &mut schema);
            let name = describe::own_name(&own, &name);
            if self.schemas.get(&name).is_some_and(|known| *known != schema) {
                self.faults.push(format!("{id}: another shape is called {name}; use #[schema(as = …)]"));
            }
            self.schemas.insert(name, schema);
        }
        self.paths.add_path_operation(path, vec![method], operation);
    }

    /// The router alone.
    pub fn into_router(self) -> Router<Edge> {
        self.router
    }
}

/// Methods as they stand in requests.
pub(super) trait AsText {
    fn as_text(&self) -> &'static str;
}

impl AsText for HttpMethod {
    fn as_text(&self) -> &'static str {
        match self {
            HttpMethod::Get => "GET",
            HttpMethod::Put => "PUT",
            HttpMethod::Post => "POST",
            HttpMethod::Head => "HEAD",
            HttpMethod::Patch => "PATCH",
            HttpMethod::Trace => "TRACE",
            HttpMethod::Delete => "DELETE",
            HttpMethod::Options => "OPTIONS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table;

    #[test]
    fn every_route_is_described() {
        let undescribed = table().undescribed;
        assert!(
            undescribed.is_empty(),
            "{undescribed:?}: gateway/README.md says how to describe an endpoint"
        );
    }

    #[test]
    fn descriptions_do_not_contradict_the_table_or_each_other() {
        assert_eq!(table().faults, Vec::<String>::new());
    }
}
