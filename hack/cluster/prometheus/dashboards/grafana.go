package dashboards

import (
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Graphs stand side by side in two columns of Grafana's 24.
const (
	width  = 12
	height = 8
)

// source is the Prometheus that the reader chooses.
var source = common.DataSourceRef{Type: new("prometheus"), Uid: new("$datasource")}

// JSON is the dashboard as Grafana imports it.
func (d Dashboard) JSON() ([]byte, error) {
	page := dashboard.NewDashboardBuilder(d.Title).
		Uid("blogplatform-"+d.Name).Description(d.Question).Tags([]string{"blogplatform"}).
		Time("now-6h", "now").Refresh("1m").Readonly().
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus"))
	if d.OfPlatform {
		page.WithVariable(choice("namespace", "label_values(blogplatform_info, namespace)")).
			WithVariable(choice("platform", `label_values(blogplatform_info{namespace="$namespace"}, platform)`))
	}
	for _, panel := range d.Panels {
		page.WithPanel(panel.graph())
	}
	built, err := page.Build()
	if err != nil {
		return nil, fmt.Errorf("build dashboard %s: %w", d.Name, err)
	}
	text, err := json.MarshalIndent(built, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write dashboard %s: %w", d.Name, err)
	}
	return append(text, '\n'), nil
}

func choice(name, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(name).Datasource(source).
		Query(dashboard.StringOrMap{String: &query}).Refresh(dashboard.VariableRefreshOnTimeRangeChanged)
}

func (p Panel) graph() *timeseries.PanelBuilder {
	graph := timeseries.NewPanelBuilder().Title(p.Title).Unit(p.Unit).Datasource(source).Span(width).Height(height).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom))
	for i, query := range p.Queries {
		graph.WithTarget(prometheus.NewDataqueryBuilder().Datasource(source).RefId(string(rune('A' + i))).Expr(query.Expr).LegendFormat(query.Legend))
	}
	return graph
}
