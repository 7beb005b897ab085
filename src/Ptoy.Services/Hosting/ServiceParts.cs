using Ptoy.Services.Analytics.Service;
using Ptoy.Services.Fraud;
using Ptoy.Services.Monitoring.Service;
using Ptoy.Services.Notifications;

namespace Ptoy.Services.Hosting;

/// <summary>The parts of <c>ptoy services run</c>, in the order in which they are made: what a later one needs, an earlier one offers.</summary>
public static class ServiceParts
{
    /// <summary>All of them. An owner of a part adds its line here.</summary>
    public static PartCatalogue Catalogue() => new PartCatalogue()
        .Add("notifications", NotificationOptions.Summary, NotificationOptions.Example, NotificationsPart.MakeAsync)
        .Add("fraud", FraudOptions.Summary, FraudOptions.Example, FraudPart.MakeAsync)
        .Add("analytics", AnalyticsOptions.Summary, AnalyticsOptions.Example, AnalyticsParts.SeriesAsync)
        .Add("cohort", CohortOptions.Summary, CohortOptions.Example, AnalyticsParts.CohortAsync)
        .Add("monitoring", MonitoringOptions.Summary, MonitoringOptions.Example, MonitoringPart.MakeAsync);
}
