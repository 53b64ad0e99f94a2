module github.com/pganalyze/pg_query_go/v5

go 1.26.0
