//! Every call through the generated client, on a store per test; sites are servers that listen here.

mod caching;
mod fixture;
mod outcomes;
mod pages;
mod postgres;
mod rights;
mod rules;
mod videos;
mod web;
