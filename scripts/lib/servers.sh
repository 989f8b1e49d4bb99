# PostgreSQL and Redis for one script: on free ports, in a folder that goes with them. Sourced.
#
#   servers_in DIR          where they keep their files; DIR exists and everybody may enter it
#   start_postgres          sets postgres_url
#   start_redis             sets redis_url
#   stop_servers

servers_in() { servers_dir=$1; }

postgres_folder() {
    local folder
    for folder in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    return 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The PostgreSQL programs refuse to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        (cd "$servers_dir/postgres" && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

start_postgres() {
    local bin dir=$servers_dir/postgres port options
    bin=$(postgres_folder) || { echo "PostgreSQL's initdb and pg_ctl are not where they are expected" >&2; return 1; }
    mkdir "$dir"
    [ "$(id -u)" != 0 ] || chown postgres "$dir"
    as_postgres "$bin/initdb" -D "$dir/data" -U parlance -A trust -E UTF8 --no-sync >"$servers_dir/initdb.log" ||
        { cat "$servers_dir/initdb.log"; echo "initdb failed" >&2; return 1; }
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        # Its data need not outlive a power cut; ours is tested elsewhere.
        options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c max_connections=400 -c fsync=off"
        if as_postgres "$bin/pg_ctl" start -D "$dir/data" -l "$dir/log" -o "$options" -w -s; then
            postgres_url="postgres://parlance@127.0.0.1:$port/postgres"
            return
        fi
    done
    cat "$dir/log"
    echo "PostgreSQL does not start" >&2
    return 1
}

start_redis() {
    local server dir=$servers_dir/redis port
    server=$(command -v redis-server || command -v valkey-server) || { echo "no redis-server" >&2; return 1; }
    mkdir "$dir"
    for _ in 1 2 3 4 5; do
        port=$(free_port)
        "$server" --bind 127.0.0.1 --port "$port" --dir "$dir" --save '' --appendonly no \
            --logfile "$dir/log" --pidfile "$dir/pid" --daemonize yes >/dev/null || continue
        for _ in $(seq 50); do
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
                redis_url="redis://127.0.0.1:$port"
                return
            fi
            sleep 0.1
        done
    done
    cat "$dir/log"
    echo "Redis does not start" >&2
    return 1
}

stop_servers() {
    local pid
    if [ -f "$servers_dir/postgres/data/postmaster.pid" ]; then
        as_postgres "$(postgres_folder)/pg_ctl" stop -D "$servers_dir/postgres/data" -m immediate -s || true
    fi
    if [ -f "$servers_dir/redis/pid" ]; then
        pid=$(cat "$servers_dir/redis/pid")
        kill "$pid" 2>/dev/null || true
    fi
}
