using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace YoloZeroCopy.Tests;

/// <summary>Runs the xunit tests of an assembly in this process, one after another: for machines that have the published test program and no SDK.</summary>
/// <remarks>
/// Usage: <c>program [filter]</c>, where the filter is a part of <c>Namespace.Class.Method</c>. Knows facts and theories (inline and member data), class and
/// collection fixtures, IDisposable, IAsyncDisposable and IAsyncLifetime, and skips. The last line is <c>N passed, N failed, N skipped</c>; the exit code is 1 on failure.
/// </remarks>
internal sealed class InProcessRunner
{
    private readonly Dictionary<Type, object> collectionFixtures = [];
    private int passed;
    private int failed;
    private int skipped;

    public static async Task<int> RunAsync(Assembly assembly, string[] args)
    {
        InProcessRunner runner = new();
        string filter = args.Length > 0 ? args[0] : "";
        foreach (Type type in assembly.GetTypes().Where(type => type is { IsClass: true, IsAbstract: false }).OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            MethodInfo[] tests = [.. type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static)
                .Where(method => method.GetCustomAttribute<FactAttribute>() is not null && $"{type.FullName}.{method.Name}".Contains(filter, StringComparison.OrdinalIgnoreCase))];
            if (tests.Length > 0)
            {
                await runner.RunClassAsync(type, tests);
            }
        }

        await runner.DisposeAllAsync(runner.collectionFixtures.Values);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{runner.passed} passed, {runner.failed} failed, {runner.skipped} skipped"));
        return runner.failed > 0 ? 1 : 0;
    }

    private async Task RunClassAsync(Type type, MethodInfo[] tests)
    {
        Dictionary<Type, object> fixtures = [];
        foreach (MethodInfo test in tests)
        {
            FactAttribute fact = test.GetCustomAttribute<FactAttribute>()!;
            if (fact.Skip is not null)
            {
                Report("SKIP", $"{type.FullName}.{test.Name}", fact.Skip, ref skipped);
                continue;
            }

            foreach (object?[] row in fact is TheoryAttribute ? Rows(test) : [[]])
            {
                string name = $"{type.FullName}.{test.Name}{(row.Length == 0 ? "" : $"({string.Join(", ", row)})")}";
                Stopwatch watch = Stopwatch.StartNew();
                try
                {
                    await RunOneAsync(type, test, row, fixtures);
                    Report("PASS", name, $"{watch.ElapsedMilliseconds} ms", ref passed);
                }
                catch (Exception thrown)
                {
                    Exception error = Unwrap(thrown);
                    bool isSkip = error.GetType().Name == "SkipException";
                    Report(isSkip ? "SKIP" : "FAIL", name, isSkip ? error.Message : error.ToString(), ref isSkip ? ref skipped : ref failed);
                }
            }
        }

        await DisposeAllAsync(fixtures.Values);
    }

    private async Task RunOneAsync(Type type, MethodInfo test, object?[] row, Dictionary<Type, object> fixtures)
    {
        object? instance = test.IsStatic ? null : await CreateAsync(type, fixtures);
        try
        {
            ParameterInfo[] parameters = test.GetParameters();
            // Optional parameters that a row leaves out take their defaults.
            object?[] values = [.. parameters.Select((parameter, i) => i < row.Length ? Fit(row[i], parameter.ParameterType) : parameter.DefaultValue)];
            object? result = test.Invoke(instance, values);
            await (result switch { Task task => task, ValueTask task => task.AsTask(), _ => Task.CompletedTask });
        }
        finally
        {
            await DisposeAsync(instance);
        }
    }

    private async Task<object> CreateAsync(Type type, Dictionary<Type, object> fixtures)
    {
        string? collection = (string?)type.GetCustomAttributesData().FirstOrDefault(data => data.AttributeType == typeof(CollectionAttribute))?.ConstructorArguments[0].Value;
        Type? definition = collection is null ? null : type.Assembly.GetTypes().FirstOrDefault(candidate => candidate.GetCustomAttributesData()
            .Any(data => data.AttributeType == typeof(CollectionDefinitionAttribute) && (string?)data.ConstructorArguments[0].Value == collection));
        Type[] shared = FixtureTypes(definition, typeof(ICollectionFixture<>));
        foreach (Type fixture in shared.Where(fixture => !collectionFixtures.ContainsKey(fixture)))
        {
            collectionFixtures.Add(fixture, await StartAsync(Activator.CreateInstance(fixture)!));
        }

        foreach (Type fixture in FixtureTypes(type, typeof(IClassFixture<>)).Where(fixture => !fixtures.ContainsKey(fixture)))
        {
            fixtures.Add(fixture, await StartAsync(Activator.CreateInstance(fixture)!));
        }

        ConstructorInfo constructor = type.GetConstructors().Single();
        object[] arguments = [.. constructor.GetParameters().Select(parameter =>
            fixtures.GetValueOrDefault(parameter.ParameterType)
            ?? collectionFixtures.GetValueOrDefault(parameter.ParameterType)
            ?? (parameter.ParameterType.Name == "ITestOutputHelper" ? null! : throw new InvalidOperationException($"{type} wants a fixture {parameter.ParameterType}.")))];
        return await StartAsync(constructor.Invoke(arguments));
    }

    private static Type[] FixtureTypes(Type? type, Type kind) => type is null ? [] :
        [.. type.GetInterfaces().Where(face => face.IsGenericType && face.GetGenericTypeDefinition() == kind).Select(face => face.GenericTypeArguments[0])];

    private static async Task<object> StartAsync(object instance)
    {
        await (instance is IAsyncLifetime lifetime ? lifetime.InitializeAsync() : Task.CompletedTask);
        return instance;
    }

    private async Task DisposeAllAsync(IEnumerable<object> fixtures)
    {
        foreach (object fixture in fixtures)
        {
            await DisposeAsync(fixture);
        }
    }

    private static async Task DisposeAsync(object? instance)
    {
        await (instance is IAsyncLifetime lifetime ? lifetime.DisposeAsync() : Task.CompletedTask);
        await (instance is IAsyncDisposable disposable ? disposable.DisposeAsync() : ValueTask.CompletedTask);
        (instance as IDisposable)?.Dispose();
    }

    private static IEnumerable<object?[]> Rows(MethodInfo test) =>
        test.GetCustomAttributes().OfType<Xunit.Sdk.DataAttribute>().SelectMany(data => data.GetData(test) ?? []);

    private static object? Fit(object? value, Type type) =>
        value is null || type.IsInstanceOfType(value) ? value : type.IsEnum ? Enum.ToObject(type, value) : Convert.ChangeType(value, type, CultureInfo.InvariantCulture);

    private static Exception Unwrap(Exception error) => error is TargetInvocationException { InnerException: Exception inner } ? Unwrap(inner) : error;

    private static void Report(string outcome, string name, string detail, ref int count)
    {
        count++;
        Console.WriteLine($"{outcome} {name}: {detail}");
    }
}
