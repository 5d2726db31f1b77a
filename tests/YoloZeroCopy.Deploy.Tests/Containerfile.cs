using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Deploy.Tests;

/// <summary>deploy/Containerfile: what its stages are told.</summary>
internal sealed class Containerfile
{
    private readonly List<(string Stage, string Instruction, string Text)> instructions = [];
    private readonly Dictionary<string, string> parents = [];

    public Containerfile(string file)
    {
        string stage = "";
        string text = Regex.Replace(File.ReadAllText(file), "^#.*\n", "", RegexOptions.Multiline).Replace("\\\n", " ", StringComparison.Ordinal);
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] parts = line.Split(' ', 2);
            if (parts[0] == "FROM")
            {
                string[] names = parts[1].Split(" AS ");
                stage = names[1];
                parents[stage] = names[0];
            }

            instructions.Add((stage, parts[0], parts[1]));
        }
    }

    public IReadOnlyCollection<string> Stages => parents.Keys;

    /// <summary>What the stage and those that it is made from say of an instruction, the first one first.</summary>
    public IReadOnlyList<string> All(string stage, string instruction)
    {
        List<string> found = parents.TryGetValue(stage, out string? parent) && parents.ContainsKey(parent) ? [.. All(parent, instruction)] : [];
        found.AddRange(instructions.Where(one => one.Stage == stage && one.Instruction == instruction).Select(static one => one.Text));
        return found;
    }

    public string Last(string stage, string instruction) => All(stage, instruction)[^1];

    public string[] Command(string stage, string instruction) => JsonSerializer.Deserialize<string[]>(Last(stage, instruction))!;

    /// <summary>Port and path that the stage's health check asks.</summary>
    public (int Port, string Path) Probe(string stage)
    {
        string check = Last(stage, "HEALTHCHECK");
        string[] command = JsonSerializer.Deserialize<string[]>(check[check.IndexOf('[', StringComparison.Ordinal)..])!;
        Assert.Equal("/usr/local/bin/probe", command[0]);
        return (int.Parse(command[1], CultureInfo.InvariantCulture), command[2]);
    }

    public IEnumerable<int> Ports(string stage) =>
        Last(stage, "EXPOSE").Split(' ').Select(static port => int.Parse(port, CultureInfo.InvariantCulture));
}
