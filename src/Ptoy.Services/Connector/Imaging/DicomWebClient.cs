using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Ptoy.Services.Connector.Fhir;

namespace Ptoy.Services.Connector.Imaging;

/// <summary>Asks a DICOM server by QIDO-RS and WADO-RS (PS3.18, sections 10.4 and 10.6).</summary>
internal sealed class DicomWebClient(FhirClient client)
{
    private const int PageSize = 100;
    private const string Json = "application/dicom+json";

    /// <summary>Any transfer syntax: the file as the server has it.</summary>
    private const string Files = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

    /// <summary>Studies dated from a day on (null: all), page by page.</summary>
    public async IAsyncEnumerable<DicomStudy> StudiesAsync(
        DateOnly? from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        string filter = from is { } day ? string.Create(CultureInfo.InvariantCulture, $"&StudyDate={day:yyyyMMdd}-") : "";
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int offset = 0; ; offset += PageSize)
        {
            string address = string.Create(
                CultureInfo.InvariantCulture,
                $"studies?limit={PageSize}&offset={offset}&includefield=00081030&includefield=00100030&includefield=00201208{filter}");
            IReadOnlyList<DicomStudy> page = await GetAsync(address, DicomJson.Studies, cancellation);
            int fresh = 0;
            foreach (DicomStudy study in page.Where(s => seen.Add(s.Uid)))
            {
                fresh++;
                yield return study;
            }
            // A server that knows no paging gives everything each time.
            if (page.Count < PageSize || fresh == 0) yield break;
        }
    }

    /// <summary>All instances of a study, ordered by UID.</summary>
    public async Task<IReadOnlyList<DicomInstance>> InstancesAsync(string study, CancellationToken cancellation)
    {
        var all = new Dictionary<string, DicomInstance>(StringComparer.Ordinal);
        for (int offset = 0; ; offset += PageSize)
        {
            string address = string.Create(
                CultureInfo.InvariantCulture, $"studies/{study}/instances?limit={PageSize}&offset={offset}&includefield=00080060&includefield=00200011");
            IReadOnlyList<DicomInstance> page = await GetAsync(address, DicomJson.Instances, cancellation);
            int before = all.Count;
            foreach (DicomInstance instance in page) all[instance.Uid] = instance;
            if (page.Count < PageSize || all.Count == before) break;
        }
        return [.. all.Values.OrderBy(i => i.Uid, StringComparer.Ordinal)];
    }

    /// <summary>Fetches an instance's file and hands its stream over; again from the start when the line breaks.</summary>
    public Task<int> FileAsync(string study, DicomInstance instance, Func<Stream, CancellationToken, Task> take, CancellationToken cancellation) => client.GetAsync(
        $"studies/{study}/series/{instance.Series}/instances/{instance.Uid}", Files,
        async (response, token) =>
        {
            string type = response.Content.Headers.ContentType?.ToString() ?? "";
            if (!MediaTypeHeaderValue.TryParse(type, out MediaTypeHeaderValue? media) || HeaderUtilities.RemoveQuotes(media.Boundary).Value is not { Length: > 0 } boundary)
                throw new FormatException("the answer is not multipart/related");
            await using Stream body = await response.Content.ReadAsStreamAsync(token);
            MultipartSection section = await new MultipartReader(boundary, body) { BodyLengthLimit = null }.ReadNextSectionAsync(token)
                ?? throw new FormatException("the answer has no part");
            await take(section.Body, token);
            return 1;
        },
        cancellation);

    private Task<IReadOnlyList<T>> GetAsync<T>(string address, Func<ReadOnlyMemory<byte>, IReadOnlyList<T>> read, CancellationToken cancellation) =>
        client.GetAsync(address, Json, async (response, token) => read(await response.Content.ReadAsByteArrayAsync(token)), cancellation);
}
