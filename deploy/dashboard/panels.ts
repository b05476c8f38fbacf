/** The panel types of the dashboards, with their common options. */
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  GraphThresholdsStyleConfigBuilder,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  SortOrder,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
  type DataSourceRef,
} from '@grafana/grafana-foundation-sdk/common'
import {
  DashboardLinkBuilder,
  DashboardLinkType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Threshold,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as GaugeBuilder } from '@grafana/grafana-foundation-sdk/gauge'
import {
  DataqueryBuilder,
  PromQueryFormat,
} from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** The data source of grafana/provisioning/datasources/prometheus.yml. */
export const PROMETHEUS: DataSourceRef = {
  type: 'prometheus',
  uid: 'prometheus',
}

/** The text that every panel must have. */
export interface PanelText {
  readonly title: string
  /** What the panel shows, and what to do when it looks bad. */
  readonly description: string
  /** Path in Grafana of the runbook section. */
  readonly runbook: string
}

/** An instant query: one value per series. */
export function instantQuery(expr: string, legend = '') {
  return query(expr, legend).instant()
}

/** A range query over the dashboard's time range: one line per series. */
export function rangeQuery(expr: string, legend = '') {
  return query(expr, legend).range()
}

/** An instant query as a table: one row per series, its labels as columns. */
export function tableQuery(expr: string) {
  return query(expr, '').instant().format(PromQueryFormat.Table)
}

function query(expr: string, legend: string) {
  const builder = new DataqueryBuilder().datasource(PROMETHEUS).expr(expr)
  return legend === '' ? builder : builder.legendFormat(legend)
}

/** Thresholds in ascending order; the first colour has no lower bound. */
export function thresholds(first: string, ...steps: readonly Threshold[]) {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([{ value: null, color: first }, ...steps])
}

function runbookLink(url: string) {
  return new DashboardLinkBuilder('Runbook')
    .type(DashboardLinkType.Link)
    .url(url)
    .targetBlank(true)
}

function lastValue() {
  return new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false)
}

/** One or more large numbers. */
export function stat(text: PanelText) {
  return described(new StatBuilder(), text)
    .reduceOptions(lastValue())
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
}

/** Gauges that start at 0. */
export function gauge(text: PanelText) {
  return described(new GaugeBuilder(), text)
    .reduceOptions(lastValue())
    .showThresholdMarkers(true)
    .min(0)
}

/** A table. */
export function table(text: PanelText) {
  return described(new TableBuilder(), text)
}

/** Lines over time, with the last value and the maximum in the legend. */
export function timeseries(text: PanelText) {
  return described(new TimeseriesBuilder(), text)
    .min(0)
    .fillOpacity(10)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(
      new VizTooltipOptionsBuilder()
        .mode(TooltipDisplayMode.Multi)
        .sort(SortOrder.Descending),
    )
}

/** Stacked lines over time. */
export function stacked(text: PanelText) {
  return timeseries(text)
    .fillOpacity(40)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
}

/** A bar for each point in time with events. */
export function bars(text: PanelText) {
  return timeseries(text).drawStyle(GraphDrawStyle.Bars).fillOpacity(80)
}

/** Draws the thresholds as dashed lines. */
export function thresholdLines() {
  return new GraphThresholdsStyleConfigBuilder().mode(
    GraphThresholdsStyleMode.Dashed,
  )
}

interface Describable {
  title(title: string): this
  description(description: string): this
  datasource(datasource: DataSourceRef): this
  links(links: ReturnType<typeof runbookLink>[]): this
}

function described<Panel extends Describable>(
  panel: Panel,
  { title, description, runbook }: PanelText,
): Panel {
  return panel
    .title(title)
    .description(description)
    .datasource(PROMETHEUS)
    .links([runbookLink(runbook)])
}
