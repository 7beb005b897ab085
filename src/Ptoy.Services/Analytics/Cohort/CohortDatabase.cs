using System.Globalization;
using DuckDB.NET.Data;

namespace Ptoy.Services.Analytics.Cohort;

/// <summary>
/// The facts of all consenting patients in a DuckDB database that lives in memory only: no file, no place for temporary ones, no extensions,
/// nothing readable from outside, and that locked. What does not fit the memory limit fails; nothing spills to disk. Not safe for concurrent use.
/// </summary>
internal sealed class CohortDatabase : IDisposable
{
    private readonly DuckDBConnection _connection;

    private CohortDatabase(DuckDBConnection connection, int patients)
    {
        _connection = connection;
        Patients = patients;
    }

    /// <summary>How many patients are in it.</summary>
    public int Patients { get; }

    /// <summary>Fills a database.</summary>
    /// <param name="facts">One each patient.</param>
    /// <param name="memoryMegabytes">Most memory that DuckDB may use.</param>
    public static CohortDatabase Build(IEnumerable<PatientFacts> facts, int memoryMegabytes = 512)
    {
        var connection = new DuckDBConnection("DataSource=:memory:");
        try
        {
            connection.Open();
            foreach (string setting in Settings(memoryMegabytes)) Run(connection, setting);
            Run(connection, "CREATE TABLE patient(p INTEGER, sex VARCHAR, birth INTEGER, deceased BOOLEAN)");
            Run(connection, "CREATE TABLE has(p INTEGER, code VARCHAR)");
            Run(connection, "CREATE TABLE measured(p INTEGER, code VARCHAR, unit VARCHAR, value DOUBLE, day INTEGER)");
            int patients = Fill(connection, facts);
            Run(connection, "SET lock_configuration = true");
            return new CohortDatabase(connection, patients);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Rows of a query whose text is made here and whose values are parameters.</summary>
    public IReadOnlyList<object?[]> Query(string sql, IReadOnlyList<object> values)
    {
        using DuckDBCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        for (int i = 0; i < values.Count; i++) command.Parameters.Add(new DuckDBParameter("v" + (i + 1).ToString(CultureInfo.InvariantCulture), values[i]));
        using DuckDBDataReader reader = command.ExecuteReader();
        var rows = new List<object?[]>();
        while (reader.Read())
        {
            var row = new object?[reader.FieldCount];
            for (int i = 0; i < row.Length; i++) row[i] = reader.IsDBNull(i) ? null : reader.GetValue(i);
            rows.Add(row);
        }
        return rows;
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private static string[] Settings(int memoryMegabytes) =>
    [
        "SET temp_directory = ''", "SET max_temp_directory_size = '0KB'", "SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false",
        string.Create(CultureInfo.InvariantCulture, $"SET memory_limit = '{memoryMegabytes}MB'"), "SET threads = 2", "SET enable_external_access = false",
    ];

    private static int Fill(DuckDBConnection connection, IEnumerable<PatientFacts> facts)
    {
        int p = 0;
        using DuckDBAppender patients = connection.CreateAppender("patient"), has = connection.CreateAppender("has"), measured = connection.CreateAppender("measured");
        foreach (PatientFacts fact in facts)
        {
            IDuckDBAppenderRow row = patients.CreateRow().AppendValue(p).AppendValue(fact.Sex);
            (fact.BirthYear is { } year ? row.AppendValue(year) : row.AppendNullValue()).AppendValue(fact.IsDeceased).EndRow();
            foreach (string code in fact.Conditions.Concat(fact.Medications).Distinct()) has.CreateRow().AppendValue(p).AppendValue(code).EndRow();
            foreach (MeasuredFact m in fact.Measurements)
                measured.CreateRow().AppendValue(p).AppendValue(m.Code).AppendValue(m.Unit).AppendValue(m.Value).AppendValue(m.Day).EndRow();
            p++;
        }
        return p;
    }

    private static void Run(DuckDBConnection connection, string sql)
    {
        using DuckDBCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
