using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Ptoy.Services.Tests.Connector.Imaging;

/// <summary>Debian's DICOM server with its DICOMweb plug-in, on a folder and port of its own, for one test.</summary>
internal sealed class Orthanc : IAsyncDisposable
{
    private static readonly string[] Plugins = ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so", "/usr/lib/orthanc/libOrthancDicomWeb.so"];
    private readonly Process _process;
    private readonly HttpClient _http = new();
    private readonly string _folder;

    private Orthanc(Process process, Uri address, string folder) => (_process, Address, _folder) = (process, address, folder);

    public Uri Address { get; }

    public Uri DicomWeb => new(Address, "dicom-web");

    public static string? Missing =>
        Executable is null ? "orthanc is not installed (apt-get install orthanc orthanc-dicomweb)" : Plugin is null ? "orthanc-dicomweb is not installed" : null;

    private static string? Executable => new[] { "/usr/sbin/Orthanc", "/usr/bin/Orthanc" }.FirstOrDefault(File.Exists);

    private static string? Plugin => Plugins.FirstOrDefault(File.Exists);

    public static async Task<Orthanc> StartAsync()
    {
        string folder = Directory.CreateTempSubdirectory("ptoy-orthanc-").FullName;
        int port = FreePort();
        string config = Path.Combine(folder, "orthanc.json");
        await File.WriteAllTextAsync(config, $$$"""
            {"Name":"test","StorageDirectory":"{{{folder}}}/db","IndexDirectory":"{{{folder}}}/db","HttpPort":{{{port}}},"DicomServerEnabled":false,
            "RemoteAccessAllowed":false,"AuthenticationEnabled":false,"Plugins":["{{{Plugin}}}"],"DicomWeb":{"Enable":true,"Root":"/dicom-web/"}}
            """);
        var start = new ProcessStartInfo(Executable!, [config]) { RedirectStandardError = true, RedirectStandardOutput = true };
        Process process = Process.Start(start)!;
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var log = new List<string>();
        void Read(string? line)
        {
            if (line is null) return;
            lock (log) log.Add(line);
            if (line.Contains("Orthanc has started", StringComparison.Ordinal)) ready.TrySetResult();
        }
        process.ErrorDataReceived += (_, e) => Read(e.Data);
        process.OutputDataReceived += (_, e) => Read(e.Data);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException("Orthanc ended: " + string.Join('\n', log)));
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        await ready.Task.WaitAsync(TimeSpan.FromMinutes(2));
        return new Orthanc(process, new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/")), folder);
    }

    public async Task StoreAsync(byte[] file)
    {
        using var content = new ByteArrayContent(file);
        using HttpResponseMessage answer = await _http.PostAsync(new Uri(Address, "instances"), content);
        answer.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
